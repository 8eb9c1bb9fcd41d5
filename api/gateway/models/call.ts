import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { DetailOf } from '../../contract/audit.ts'
import { type Catalog, decideModel, type ModelDecision } from '../../policy/models.ts'
import type { EventBudget } from '../budget/budget.ts'
import { clientOf } from '../budget/client.ts'
import type { DoorIdentity, SandboxDoor } from '../identity.ts'
import type { Passages, Stop } from '../passage.ts'
import type { Demo } from './demo/answer.ts'
import { refusalOf } from './denial.ts'
import { describeEnd, describeIntent, type Trace } from './events.ts'
import { answerInstead, type CallEnd, forward } from './forward.ts'
import type { Upstream } from './provider/upstream.ts'
import { NOT_RECORDED, type Refuse } from './refuse.ts'
import type { ReadRequest } from './wire/body.ts'
import { type Refusal, refusal, type WireFormat } from './wire/formats.ts'

/** What the gateway knows about providers. Synchronous: it is read once for each call, and again after each change. */
export interface ProviderSource {
  catalog(): Catalog
  keyOf(provider: string): string | null
}

/** A request whose body was read and may be judged. */
export interface ReadCall {
  request: IncomingMessage
  response: ServerResponse
  format: WireFormat
  path: string
  read: ReadRequest
}

interface CallerDeps {
  sandbox: SandboxDoor
  providers: ProviderSource
  passages: Passages
  budget: Pick<EventBudget, 'admit'>
  refuse: Refuse
  upstream: Upstream
  demo: Demo
}

type Allowed = Extract<ModelDecision, { effect: 'allow' }>

/** For one sandbox's calls: policy and label → intent recorded, durable → the call → its end recorded. */
export function createCaller(deps: CallerDeps) {
  const { refuse, budget } = deps
  return async function call(given: ReadCall): Promise<void> {
    const { response, format, path, read } = given
    const alias = read.body.model
    const asked = judge(given, deps)
    if ('refused' in asked) return refuse(response, asked.refused, { ...asked, format, path, alias })
    const admitted = await budget.admit(clientOf(response))
    // Asked again: it may have waited, and everything else may have changed.
    const judged = judge(given, deps)
    if ('refused' in judged) return refuse(response, judged.refused, { ...judged, format, path, alias })
    const { identity, choice } = judged
    if (!admitted) return refuse(response, OVER_BUDGET, { identity, format, path, alias, rule: choice.rule })
    await makeCall(given, identity, choice, deps)
  }
}
export const NO_IDENTITY = refusal(403, 'no-identity', 'This sandbox is not in use, so it may not ask a model.')
const OVER_BUDGET = refusal(
  429,
  'rate-limit',
  'This sandbox asks for more in a short time than can be written down. Wait a few seconds and try again; your Backlot admin can raise `events` in the policy.',
)
const FORMAT_NOT_OFFERED = refusal(
  400,
  'format-not-offered',
  'The assigned model is offered as /v1/messages and /v1/chat/completions only.',
)

type Judged =
  | { identity: DoorIdentity; choice: Allowed }
  | { identity: DoorIdentity | null; refused: Refusal; rule: string | null }

function judge({ format, read }: ReadCall, { sandbox, providers }: CallerDeps): Judged {
  const identity = sandbox.current()
  if (!identity) return { identity, refused: NO_IDENTITY, rule: null }
  const choice = decideModel(identity.policy, identity.label, read.body.model, providers.catalog())
  const { rule } = choice
  if (choice.effect === 'deny')
    return { identity, refused: refusalOf(choice.reason, choice.wanted, identity.label), rule }
  if (choice.provider.kind === 'anthropic' && format === 'responses')
    return { identity, refused: FORMAT_NOT_OFFERED, rule }
  return { identity, choice }
}

/** What is recorded of a call that was never made. */
const NOT_MADE: CallEnd = {
  status: null,
  firstByteMs: null,
  inputTokens: null,
  outputTokens: null,
  outcome: 'upstream-error',
}

async function makeCall(
  { request, response, format, path, read }: ReadCall,
  identity: DoorIdentity,
  { provider, model, rule }: Allowed,
  { sandbox, providers, passages, upstream, demo }: CallerDeps,
): Promise<void> {
  const alias = read.body.model
  const trace: Trace = {
    sandbox: sandbox.id,
    identity,
    rule,
    correlation: randomUUID(),
    detail: { path, alias, provider: provider.id, model },
  }
  const intent = describeIntent(trace)
  const abort = new AbortController()
  const made = { end: NOT_MADE, startedMs: 0 }
  const passage = passages.begin<CallEnd['outcome']>({
    identity,
    cut: () => abort.abort(),
    // It goes on only while the same question would still get the same model.
    stillAllowed(now) {
      const choice = decideModel(now.policy, now.label, alias, providers.catalog())
      return choice.effect === 'allow' && choice.provider.id === provider.id && choice.model === model
    },
    describeEnd(outcome) {
      const latencyMs = Math.round(performance.now() - made.startedMs)
      return describeEnd(trace, { ...made.end, outcome: recordedOutcome(outcome), latencyMs })
    },
  })
  if (!(await passage.intend(intent))) return answerInstead(response, format, NOT_RECORDED)
  made.startedMs = performance.now()
  try {
    if (passage.act()) {
      const call = { path, format, provider, body: read.body, text: read.withModel(model), abort }
      const key = providers.keyOf(provider.id)
      made.end = await forward({ ...call, key }, { request, response, upstream, demo })
    }
  } finally {
    if (!passage.goesOn()) response.destroy()
    passage.end(made.end.outcome)
  }
}

/** The log knows one word for whatever stops a call from here. */
const recordedOutcome = (outcome: CallEnd['outcome'] | Stop): DetailOf<'model.call'>['outcome'] =>
  outcome === 'policy-change' || outcome === 'limit' ? 'killed' : outcome
