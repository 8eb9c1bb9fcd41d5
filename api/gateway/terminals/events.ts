import type { Append } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import type { Outbox } from '../../audit/outbox.ts'
import type { OwnedDoor } from '../identity.ts'
import type { Ending } from './recordings.ts'

export interface TerminalEventsDeps {
  sandbox: Pick<OwnedDoor, 'id' | 'owner'>
  append: Append
  outbox: Pick<Outbox, 'send'>
}

/** What the audit log says of one sandbox's terminals. */
export function createTerminalEvents({ sandbox, append, outbox }: TerminalEventsDeps) {
  const commonFields = () => {
    return { ...(sandbox.owner() ?? { person: null, prototype: null, policy: null }), sandbox: sandbox.id }
  }
  return {
    /** Rejects when the log cannot be written: nothing may be opened then. */
    recordOpening(terminal: string): Promise<void> {
      const common = commonFields()
      const { person } = common
      const actor = person
        ? { type: 'person' as const, id: person }
        : { type: 'system' as const, id: 'gateway' as const }
      return append(
        auditEvent('terminal.opened', {
          ...common,
          actor,
          decision: 'info',
          reason: 'terminal-opened',
          detail: { terminal },
        }),
      )
    },
    /** The terminal is over in any case, so a log that cannot be written gets this when it can. */
    async recordClosing(terminal: string, { exitCode, why }: Ending): Promise<void> {
      await outbox.send(
        auditEvent('terminal.closed', {
          ...commonFields(),
          actor: { type: 'sandbox', id: sandbox.id },
          decision: 'info',
          reason: 'terminal-closed',
          detail: { terminal, exitCode, why },
        }),
      )
    },
  }
}
export type TerminalEvents = ReturnType<typeof createTerminalEvents>
