/** What the log says of one sandbox's model requests: asked for, refused, ended. */
import { randomUUID } from 'node:crypto'
import { auditEvent } from '../../audit/event.ts'
import type { AuditEvent, DetailOf, Folded } from '../../contract/audit.ts'
import type { SandboxId } from '../../contract/ids.ts'
import type { ModelDenial } from '../../contract/reasons.ts'
import type { Repeatable } from '../budget/folds.ts'
import { type DoorIdentity, policyOf } from '../identity.ts'

/** A refusal, as it is recorded. */
export interface Denial {
  reason: ModelDenial
  identity: DoorIdentity | null
  path?: string
  alias?: string | null
  rule?: string | null
  /** How many it stands for; default: one. */
  times?: number
}

/** What both events of one allowed call share. */
export interface Trace {
  sandbox: SandboxId
  identity: DoorIdentity
  rule: string
  correlation: string
  detail: { path: string; alias: string; provider: string; model: string }
}

/** A path may be as long as a header; what is alike up to here counts as the same. */
const MAX_PATH = 500

export function repeatable(sandbox: SandboxId, denial: Denial): Repeatable {
  const { reason, identity, path = '', alias, rule, times } = denial
  const same = { reason, identity }
  const start = path.slice(0, MAX_PATH)
  return {
    sort: `model ${reason} ${identity?.policy.version ?? 0}`,
    target: `${start} ${alias ?? ''}`,
    times: times ?? 1,
    describe({ what, folded }) {
      if (what === 'one') return describeDenial(sandbox, denial, folded)
      if (what === 'many') return describeDenial(sandbox, same, folded)
      return describeDenial(sandbox, { ...same, path: start, alias: alias ?? null, rule: rule ?? null }, folded)
    },
  }
}

function describeDenial(
  sandbox: SandboxId,
  { reason, identity, path = '', alias, rule }: Denial,
  folded: Folded | undefined,
): AuditEvent {
  return auditEvent('model.request', {
    ...originOf(sandbox, identity),
    decision: 'deny',
    reason,
    rule: rule ?? null,
    correlation: randomUUID(),
    detail: { path, alias: alias ?? null, provider: null, model: null, ...(folded ? { folded } : {}) },
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
