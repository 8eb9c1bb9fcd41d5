import { proofEvent, read } from '../../../gallery/data/audit.ts'
import type { States } from '../../../gallery/state.ts'
import { RoutineRow } from './RoutineRow.tsx'

const row = (
  <ol>
    <RoutineRow events={[read, proofEvent]} onOpen={() => {}} />
  </ol>
)

export const states: States = {
  folded: { show: () => row, shows: '2 routine entries' },
  opened: { show: () => row, press: ['2 routine entries'], shows: 'metadata.example' },
}
