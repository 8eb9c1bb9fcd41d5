/** What the log says of one sandbox's requests: asked for, refused, ended. */
import { auditEvent } from '../../audit/event.ts'
import type { AuditEvent, DetailOf } from '../../contract/audit.ts'
import type { SandboxId } from '../../contract/ids.ts'
import type { EgressDenial } from '../../contract/reasons.ts'
import type { EgressRequest } from '../../policy/egress.ts'
import { type DoorIdentity, policyOf } from '../identity.ts'

export type EgressOutcome = DetailOf<'egress.ended'>['outcome']

/** What all events of one allowed request share. */
export interface Trace {
  sandbox: SandboxId
  identity: DoorIdentity
  request: EgressRequest
  rule: string
  correlation: string
}

/** A refusal, as it is recorded. */
export interface Denial {
  reason: EgressDenial
  identity: DoorIdentity | null
  method: string
  /** Absent when what came did not parse; then `raw` says what came. */
  request?: EgressRequest
  raw?: string
  rule?: string | null
  address?: string
  correlation?: string
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

export function describeDenial(sandbox: SandboxId, denial: Denial): AuditEvent {
  const { reason, identity, method, request, raw, rule, address, correlation } = denial
  return auditEvent('egress.request', {
    ...originOf(sandbox, identity),
    decision: 'deny',
    reason,
    rule: rule ?? null,
    ...(correlation === undefined ? {} : { correlation }),
    detail: {
      method,
      host: request?.host ?? '',
      port: request?.port ?? null,
      path: request?.path ?? null,
      phase: phaseOf(identity),
      address: address ?? null,
      raw: raw ?? null,
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

/** The query is left out: it is where tokens stand. */
const targetOf = ({ method, host, port, path }: EgressRequest) => ({ method, host, port, path })
