import type { PrototypeView } from '../../../../api/contract/prototypes.ts'
import { bidi, long, ready } from '../../../gallery/data/prototypes.ts'
import { fails, never, type State, type States } from '../../../gallery/state.ts'
import { RemoveDialog } from './RemoveDialog.tsx'

const of = (prototype: PrototypeView, more: Partial<State> = {}): State => ({
  show: () => <RemoveDialog prototype={prototype} onClose={() => {}} />,
  shows: 'Delete this prototype?',
  ...more,
})
const press = ['Delete prototype']

export const states: States = {
  asks: of(ready),
  deleting: of(ready, { press, answers: { [`DELETE /prototypes/${ready.id}`]: never } }),
  failed: of(ready, {
    press,
    answers: { [`DELETE /prototypes/${ready.id}`]: fails('runner_unavailable', 'The runner does not answer.') },
    shows: 'The runner does not answer.',
  }),
  'very long': of(long),
  bidi: of(bidi),
}
