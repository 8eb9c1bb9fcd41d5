import { auditEvent } from '../../audit/event.ts'
import type { Outbox } from '../../audit/outbox.ts'
import type { AuditEvent } from '../../contract/audit.ts'
import { policyOf, type SandboxDoor } from '../identity.ts'
import type { PorterEvent } from './connection.ts'

/** What the audit log says of one sandbox's porter. It has happened in any case, so it is written when the log can. */
export function createPorterEvents({ sandbox, outbox }: { sandbox: SandboxDoor; outbox: Pick<Outbox, 'gather'> }) {
  return (event: PorterEvent): void => outbox.gather(describe(event, sandbox))
}

function describe(event: PorterEvent, sandbox: SandboxDoor): AuditEvent {
  const identity = sandbox.current()
  const common = {
    actor: { type: 'sandbox', id: sandbox.id },
    person: identity?.person ?? null,
    prototype: identity?.prototype ?? null,
    sandbox: sandbox.id,
    policy: policyOf(identity),
  } as const
  const seen = { ...common, decision: 'info' } as const
  switch (event.type) {
    case 'connected':
      return auditEvent('porter.connected', {
        ...seen,
        reason: 'porter-connected',
        detail: { instance: event.instance },
      })
    case 'replaced': {
      const { instance, before } = event
      return auditEvent('porter.replaced', { ...seen, reason: 'porter-replaced', detail: { instance, before } })
    }
    case 'lost':
      return auditEvent('porter.lost', { ...seen, reason: 'porter-lost', detail: { instance: event.instance } })
    case 'refused':
      return auditEvent('porter.refused', { ...common, decision: 'deny', reason: 'second-porter', detail: {} })
  }
}
