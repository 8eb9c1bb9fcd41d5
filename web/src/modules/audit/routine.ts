import type { AuditView } from '../../../../api/contract/audit.ts'
import { isProof } from './words.ts'

export type Line = { type: 'event'; event: AuditView } | { type: 'routine'; events: AuditView[] }

const ROUTINE: readonly AuditView['kind'][] = ['audit.read', 'terminal.attached', 'porter.connected', 'porter.lost']

/**
 * What happens all day and is nobody's doing to be looked at: readings of the log, windows that open, connections of sandboxes
 * that come and go, the proof's own attempts.
 */
const isRoutine = (event: AuditView): boolean => ROUTINE.includes(event.kind) || isProof(event)

/** Neighbours that are routine become one line. */
export const foldRoutine = (events: readonly AuditView[]): Line[] => {
  const lines: Line[] = []
  for (const event of events) {
    const last = lines.at(-1)
    if (!isRoutine(event)) lines.push({ type: 'event', event })
    else if (last?.type === 'routine') last.events.push(event)
    else lines.push({ type: 'routine', events: [event] })
  }
  return lines
}
