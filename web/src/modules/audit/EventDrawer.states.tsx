import type { AuditView } from '../../../../api/contract/audit.ts'
import { allowed, bidiEvent, countedEvent, denied, longEvent, proofEvent } from '../../../gallery/data/audit.ts'
import type { State, States } from '../../../gallery/state.ts'
import { EventDrawer } from './EventDrawer.tsx'

const opened = (event: AuditView): State => ({
  show: () => <EventDrawer event={event} onClose={() => {}} />,
  shows: `Log entry ${event.seq}`,
})

export const states: States = {
  allowed: opened(allowed),
  denied: opened(denied),
  counted: { ...opened(countedEvent), shows: 'How often' },
  'of the proof': opened(proofEvent),
  'very long': opened(longEvent),
  bidi: opened(bidiEvent),
}
