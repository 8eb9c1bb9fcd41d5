/** What the log says of one sandbox's requests: asked for, refused, ended. */
import { auditEvent } from '../../audit/event.ts'
import type { AuditEvent, DetailOf, Folded } from '../../contract/audit.ts'
import type { SandboxId } from '../../contract/ids.ts'
import type { EgressDenial } from '../../contract/reasons.ts'
import type { Repeatable, StandsFor } from '../budget/folds.ts'
import { type DoorIdentity, policyOf } from '../identity.ts'
import type { Asked } from './target.ts'

export type EgressOutcome = DetailOf<'egress.ended'>['outcome']

/** What all events of one allowed request share. */
export interface Trace {
  sandbox: SandboxId
  identity: DoorIdentity
  request: Asked
  rule: string
  correlation: string
}

/** A refusal, as it is recorded. */
export interface Denial {
  reason: EgressDenial
  identity: DoorIdentity | null
  method: string
  /** Absent when what came did not parse; then `raw` says what came. */
  request?: Asked
  raw?: string
  rule?: string | null
  address?: string
  correlation?: string
  /** How many it stands for; default: one. */
  times?: number
}

export function describeIntent({ sandbox, identity, request, rule, correlation }: Trace): AuditEvent {
  return auditEvent('egress.request', {
    ...originOf(sandbox, identity),
    decision: 'allow',
    reason: 'rule',
    rule,
    correlation,
    detail: { ...targetOf(request), phase: phaseOf(identity), address: null, raw: null },
  })
}

/** A refusal before anything was allowed. */
export const repeatable = (sandbox: SandboxId, denial: Denial): Repeatable => ({
  sort: `egress ${denial.reason} ${phaseOf(denial.identity)} ${denial.identity?.policy.version ?? 0}`,
  target: denial.request ? `${denial.request.host}:${denial.request.port}` : (denial.raw ?? ''),
  times: denial.times ?? 1,
  describe: ({ what, folded }) => describeDenial(sandbox, sharedBy(denial, what), folded),
})

function sharedBy(denial: Denial, what: StandsFor['what']): Denial {
  if (what === 'one') return denial
  const { reason, identity, request, raw, rule } = denial
  const same = { reason, identity, method: '' }
  if (what === 'many') return { ...same, raw: 'Different targets' }
  if (request === undefined) return { ...same, ...(raw === undefined ? {} : { raw }) }
  return { ...same, rule: rule ?? null, request: { ...request, method: '', path: null, query: null } }
}

function describeDenial(sandbox: SandboxId, denial: Denial, folded?: Folded): AuditEvent {
  const { reason, identity, method, request, raw, rule, address, correlation } = denial
  return auditEvent('egress.request', {
    ...originOf(sandbox, identity),
    decision: 'deny',
    reason,
    rule: rule ?? null,
    ...(correlation === undefined ? {} : { correlation }),
    detail: {
      ...(request ? targetOf(request) : { host: '', port: null, path: null }),
      method,
      phase: phaseOf(identity),
      address: address ?? null,
      raw: raw ?? null,
      ...(folded ? { folded } : {}),
    },
  })
}

/** A refusal by what was seen only after the intent: it closes the intent, and so has its correlation. */
export function describeLateDenial(trace: Trace, reason: EgressDenial, address: string | null): AuditEvent {
  const { sandbox, identity, request, rule, correlation } = trace
  const { method } = request
  const where = address === null ? {} : { address }
  return describeDenial(sandbox, { reason, identity, method, request, rule, correlation, ...where })
}

export function describeEnd(
  { sandbox, identity, request, rule, correlation }: Trace,
  end: Omit<DetailOf<'egress.ended'>, keyof ReturnType<typeof targetOf> | 'phase'>,
): AuditEvent {
  return auditEvent('egress.ended', {
    ...originOf(sandbox, identity),
    decision: 'info',
    reason: end.outcome,
    rule,
    correlation,
    detail: { ...targetOf(request), phase: phaseOf(identity), ...end },
  })
}

const originOf = (sandbox: SandboxId, identity: DoorIdentity | null) => ({
  actor: { type: 'sandbox' as const, id: sandbox },
  sandbox,
  person: identity?.person ?? null,
  prototype: identity?.prototype ?? null,
  policy: policyOf(identity),
})

const phaseOf = (identity: DoorIdentity | null) => (identity?.proving ? ('proof' as const) : ('work' as const))

const targetOf = ({ method, host, port, path, query }: Asked) => ({
  ...{ method, host, port, path },
  ...(query === null ? {} : { query }),
})
