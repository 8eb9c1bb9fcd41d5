import { auditEvent } from '../../audit/event.ts'
import type { AuditEvent, Folded } from '../../contract/audit.ts'
import type { EventBudget } from '../budget/budget.ts'
import type { StandsFor } from '../budget/folds.ts'
import type { OwnedDoor } from '../identity.ts'
import type { PorterEvent } from './connection.ts'

type Door = Pick<OwnedDoor, 'id' | 'owner'>

/** What the audit log says of one sandbox's porter. It has happened in any case, so it is written when the log can. */
export function createPorterEvents({ sandbox, budget }: { sandbox: Door; budget: Pick<EventBudget, 'record'> }) {
  return (event: PorterEvent): void => {
    const target = 'instance' in event ? event.instance : ''
    const describe = ({ what, folded }: StandsFor) =>
      describeEvent(
        what === 'many' && event.type !== 'refused' ? { ...event, instance: 'different ones' } : event,
        sandbox,
        folded,
      )
    void budget.record({ sort: `porter ${event.type}`, target, describe })
  }
}

function describeEvent(event: PorterEvent, sandbox: Door, folded?: Folded): AuditEvent {
  const counted = folded ? { folded } : {}
  const common = {
    actor: { type: 'sandbox', id: sandbox.id },
    ...(sandbox.owner() ?? { person: null, prototype: null, policy: null }),
    sandbox: sandbox.id,
  } as const
  const seen = { ...common, decision: 'info' } as const
  switch (event.type) {
    case 'connected':
      return auditEvent('porter.connected', {
        ...seen,
        reason: 'porter-connected',
        detail: { instance: event.instance, ...counted },
      })
    case 'replaced': {
      const { instance, before } = event
      return auditEvent('porter.replaced', {
        ...seen,
        reason: 'porter-replaced',
        detail: { instance, before, ...counted },
      })
    }
    case 'lost':
      return auditEvent('porter.lost', {
        ...seen,
        reason: 'porter-lost',
        detail: { instance: event.instance, ...counted },
      })
    case 'refused':
      return auditEvent('porter.refused', { ...common, decision: 'deny', reason: 'second-porter', detail: counted })
  }
}
