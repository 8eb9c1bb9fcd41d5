import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import type { Append } from '../../audit/append.ts'
import type { Outbox } from '../../audit/outbox.ts'
import type { EgressDenial } from '../../contract/reasons.ts'
import { createRateLimiter } from '../../flow/rate-limiter.ts'
import { decideEgress } from '../../policy/egress.ts'
import type { EventBudget } from '../budget/budget.ts'
import { type Client, pace } from '../budget/client.ts'
import type { SandboxDoor } from '../identity.ts'
import { createPassages, type Passages, type Stop } from '../passage.ts'
import { type Answer, answerFor } from './denial.ts'
import {
  type Denial,
  describeEnd,
  describeIntent,
  describeLateDenial,
  type EgressOutcome,
  repeatable,
  type Trace,
} from './events.ts'
import type { EgressLimits } from './limits.ts'
import { addressRefusal, type Dial, type ReachDeps, reach } from './reach.ts'
import { createLookups, type Resolve } from './resolve.ts'
import type { Asked } from './target.ts'

interface RoutesDeps {
  sandbox: SandboxDoor
  append: Append
  outbox: Pick<Outbox, 'send'>
  budget: Pick<EventBudget, 'admit' | 'record'>
  resolve: Resolve
  dial: Dial
  /** This machine's addresses, now. */
  own: () => ReadonlySet<string>
  limits: EgressLimits
  log: Logger
}

/** No route: what the client is told instead. */
type NoRoute = { ok: false; answer: Answer }

/** The way of one allowed request or tunnel, from its intent to its end. */
export interface Route {
  readonly request: Asked
  /** Connected to the judged address; nothing was written to it yet. Has an error handler. */
  readonly upstream: Socket
  /** Aborts when it is stopped from here (policy, kill, limit): the client's side is to be closed at once. */
  readonly signal: AbortSignal
  /** Recorded the first time only. Any outcome but `completed` cuts the upstream off at once. */
  end(outcome: EgressOutcome, status: number | null): void
  /** For what is seen only after the intent, such as the TLS greeting. Resolves when it is recorded, or could not be in time. */
  deny(reason: EgressDenial): Promise<Answer>
}

type Opened = ({ ok: true } & Route) | NoRoute

/**
 * One sandbox's requests on their way out, in this order: identity → policy → intent durable → resolve → classify every answer
 * → dial the judged address. Each intent is closed by exactly one event of the same correlation: `egress.ended`, or
 * `egress.request` with `deny` when the address or the TLS greeting, which are seen only later, turn out not to be allowed.
 * What a crash in between leaves is said in gateway/passage.ts.
 *
 * Longer than 60 lines because its steps share the passage and the events of this sandbox.
 */
export function createRoutes({ sandbox, append, outbox, budget, resolve, dial, own, limits, log }: RoutesDeps) {
  const passages = createPassages({ sandbox, append, sendEnd: outbox.send, log })
  /** Those of ended routes too, until they are closed. */
  const upstreams = new Set<Socket>()
  const refusals = createRateLimiter({ burst: limits.refusalBurst, perSecond: limits.refusalsPerSecond })
  const refusing = new Set<Promise<NoRoute>>()
  const reachDeps: ReachDeps = {
    lookUp: createLookups(resolve, limits.lookups, limits.lookupMs),
    dial,
    own,
    dialMs: limits.dialMs,
  }
  const shared = { passages, upstreams, own, absoluteMs: limits.absoluteMs, send: outbox.send }

  async function pausedRefusal(denial: Denial, client: Client): Promise<NoRoute> {
    const where = denial.request ? nameOf(denial.request) : null
    await pace(refusals, limits.refusalPauseMs, client)
    const reason = (await budget.record(repeatable(sandbox.id, denial))) ? denial.reason : 'audit-unavailable'
    return { ok: false, answer: answerFor(reason, where) }
  }

  function refuse(denial: Denial, client: Client): Promise<NoRoute> {
    const refused = pausedRefusal(denial, client).finally(() => refusing.delete(refused))
    refusing.add(refused)
    return refused
  }

  function judge(request: Asked) {
    const identity = sandbox.current()
    const { method } = request
    if (!identity) return { denial: { reason: 'no-identity', identity, method, request } } as const
    const decision = decideEgress(identity.policy, request, new Date())
    const { rule } = decision
    if (decision.effect === 'deny') return { denial: { reason: decision.reason, rule, identity, method, request } }
    // By what is under way, not by who is connected: clients that leave at once must not start ever more of it.
    if (passages.size() >= limits.connections || upstreams.size >= 2 * limits.connections)
      return { denial: { reason: 'too-many-connections', rule, identity, method, request } } as const
    return { denial: null, identity, decision }
  }

  async function open(request: Asked, client: Client): Promise<Opened> {
    const asked = judge(request)
    if (asked.denial) return refuse(asked.denial, client)
    const admitted = await budget.admit(client)
    // Asked again: it may have waited, and everything else may have changed.
    const judged = judge(request)
    if (judged.denial) return refuse(judged.denial, client)
    const { identity, decision } = judged
    const { rule } = decision
    if (!admitted) return refuse({ reason: 'rate-limit', rule, identity, method: request.method, request }, client)

    const trace: Trace = { sandbox: sandbox.id, identity, request, rule, correlation: randomUUID() }
    const way = beginWay(trace, decision.endsAtMs, shared)
    try {
      return await connect(way, trace, { permitted: decision.addresses, ...reachDeps })
    } catch (error) {
      way.end('error', 502)
      throw error
    }
  }

  return {
    open,
    /** For what never became a request: it did not parse, or broke a limit. */
    refuse: (denial: Omit<Denial, 'identity'>, client: Client) =>
      refuse({ ...denial, identity: sandbox.current() }, client),
    stopAll: passages.stopAll,
    /** Resolves when what is being refused now is recorded, or counted. */
    async refused(): Promise<void> {
      await Promise.allSettled(refusing)
    },
    /** Judges every open route again by what holds now, its address included. */
    rejudge: passages.rejudge,
  }
}
export type Routes = ReturnType<typeof createRoutes>

interface WayDeps {
  passages: Passages
  upstreams: Set<Socket>
  own: () => ReadonlySet<string>
  absoluteMs: number
  send: Outbox['send']
}

/** From the recorded intent to a connected upstream, or to what the client is told instead. */
async function connect(
  way: Way,
  { request }: Trace,
  { permitted, ...deps }: ReachDeps & { permitted: readonly string[] },
): Promise<Opened> {
  const answer = (reason: Answer['reason']): NoRoute => ({ ok: false, answer: answerFor(reason, nameOf(request)) })
  if (!(await way.intend())) return answer('audit-unavailable')
  if (!way.act()) return answer('policy-change')
  const reached = await reach({ request, permitted, goesOn: way.goesOn }, deps)
  switch (reached.is) {
    case 'stopped':
      return answer('policy-change')
    case 'failed': {
      const failure = answer(reached.reason)
      way.end('error', failure.answer.status)
      return failure
    }
    case 'denied':
      return { ok: false, answer: await way.deny(reached.reason, reached.address) }
    case 'connected':
      way.adopt(reached.address, reached.upstream)
      return { ok: true, request, upstream: reached.upstream, signal: way.signal, end: way.end, deny: way.deny }
  }
}

/** One passage with the upstream connection that belongs to it. */
function beginWay(trace: Trace, endsAtMs: number | null, { passages, upstreams, own, absoluteMs, send }: WayDeps) {
  const { identity, request } = trace
  const startedMs = performance.now()
  const abort = new AbortController()
  const state: { address: string | null; upstream: Socket | null; status: number | null } = {
    address: null,
    upstream: null,
    status: null,
  }
  const passage = passages.begin<EgressOutcome>({
    identity,
    endsAtMs,
    limitMs: absoluteMs,
    cut: (why) => end(why, null),
    stillAllowed(now) {
      const decision = decideEgress(now.policy, request, new Date())
      if (decision.effect === 'deny') return false
      return state.address === null || addressRefusal(state.address, own(), decision.addresses) === null
    },
    describeEnd(outcome) {
      const { address, upstream, status } = state
      const [bytesOut, bytesIn] = [upstream?.bytesWritten ?? 0, upstream?.bytesRead ?? 0]
      const durationMs = Math.round(performance.now() - startedMs)
      return describeEnd(trace, { address, outcome, status, bytesOut, bytesIn, durationMs })
    },
  })

  function end(outcome: EgressOutcome, status: number | null) {
    if (passage.state().is === 'over') return
    state.status = status
    passage.end(outcome)
    if (outcome === 'completed') return state.upstream && closeSoon(state.upstream)
    state.upstream?.destroy()
    if (isStop(outcome)) abort.abort()
  }

  return {
    signal: abort.signal,
    goesOn: passage.goesOn,
    end,
    intend: () => passage.intend(describeIntent(trace)),
    act: passage.act,
    /** From now on the upstream ends with it. */
    adopt(address: string, upstream: Socket) {
      state.address = address
      state.upstream = upstream
      upstreams.add(upstream)
      upstream.once('close', () => upstreams.delete(upstream))
    },
    async deny(reason: EgressDenial, address: string | null = null): Promise<Answer> {
      const where = nameOf(request)
      const event = describeLateDenial(trace, reason, address)
      if (!passage.deny()) return answerFor(reason, where)
      state.upstream?.destroy()
      const recorded = await send(event)
      return answerFor(recorded ? reason : 'audit-unavailable', where)
    },
  }
}
type Way = ReturnType<typeof beginWay>

/** For an upstream that does not take the rest of what it was sent. */
const LINGER_MS = 60_000

function closeSoon(upstream: Socket) {
  if (upstream.destroyed) return
  const timer = setTimeout(() => upstream.destroy(), LINGER_MS).unref()
  upstream.once('close', () => clearTimeout(timer))
  upstream.destroySoon()
}

const STOPS: ReadonlySet<EgressOutcome> = new Set<Stop>(['policy-change', 'killed', 'limit'])
const isStop = (outcome: EgressOutcome) => STOPS.has(outcome)
const nameOf = ({ host, port }: Asked) => `${host}:${port}`
