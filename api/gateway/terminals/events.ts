import { auditEvent } from '../../audit/event.ts'
import type { AuditEvent } from '../../contract/audit.ts'
import type { SandboxDoor } from '../identity.ts'
import type { Ending } from './recordings.ts'

export interface TerminalEventsDeps {
  sandbox: SandboxDoor
  /** Resolves when the event is durable. */
  append(event: AuditEvent): Promise<void>
}

/** What the audit log says of one sandbox's terminals. Both reject when the log cannot be written. */
export function createTerminalEvents({ sandbox, append }: TerminalEventsDeps) {
  const commonFields = () => {
    const identity = sandbox.current()
    return { person: identity?.person ?? null, prototype: identity?.prototype ?? null, sandbox: sandbox.id }
  }
  return {
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
    recordClosing(terminal: string, { exitCode, why }: Ending): Promise<void> {
      return append(
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
