/** What the log says of one sandbox's model requests: asked for, refused, ended. */
import { randomUUID } from 'node:crypto'
import { auditEvent } from '../../audit/event.ts'
import type { AuditEvent, DetailOf } from '../../contract/audit.ts'
import type { SandboxId } from '../../contract/ids.ts'
import type { ModelDenial } from '../../contract/reasons.ts'
import { type DoorIdentity, policyOf } from '../identity.ts'

/** A refusal, as it is recorded. */
export interface Denial {
  reason: ModelDenial
  identity: DoorIdentity | null
  path?: string
  alias?: string | null
  rule?: string | null
}

/** What both events of one allowed call share. */
export interface Trace {
  sandbox: SandboxId
  identity: DoorIdentity
  rule: string
  correlation: string
  detail: { path: string; alias: string; provider: string; model: string }
}

export function describeDenial(sandbox: SandboxId, { reason, identity, path = '', alias, rule }: Denial): AuditEvent {
  return auditEvent('model.request', {
    ...originOf(sandbox, identity),
    decision: 'deny',
    reason,
    rule: rule ?? null,
    correlation: randomUUID(),
    detail: { path, alias: alias ?? null, provider: null, model: null },
  })
}

export function describeIntent({ sandbox, identity, rule, correlation, detail }: Trace): AuditEvent {
  const origin = originOf(sandbox, identity)
  return auditEvent('model.request', { ...origin, decision: 'allow', reason: 'allowed', rule, correlation, detail })
}

export function describeEnd(
  { sandbox, identity, rule, correlation, detail }: Trace,
  end: Omit<DetailOf<'model.call'>, keyof Trace['detail']>,
): AuditEvent {
  return auditEvent('model.call', {
    ...originOf(sandbox, identity),
    // What was allowed had to be refused after all: its address is known only when it is dialled.
    decision: end.outcome === 'provider-address-public' ? 'deny' : 'info',
    reason: end.outcome,
    rule,
    correlation,
    detail: { ...detail, ...end },
  })
}

const originOf = (sandbox: SandboxId, identity: DoorIdentity | null) => ({
  actor: { type: 'sandbox' as const, id: sandbox },
  sandbox,
  person: identity?.person ?? null,
  prototype: identity?.prototype ?? null,
  policy: policyOf(identity),
})
