import { ana, bidi as bidiPerson } from '../../../gallery/data/people.ts'
import { long, ready } from '../../../gallery/data/prototypes.ts'
import { fails, never, type State, type States } from '../../../gallery/state.ts'
import { StopDialog } from './StopDialog.tsx'
import { type Stop, stopAll, stopOne, stopPerson } from './stops.ts'

const of = (asked: Stop, more: Partial<State> = {}, first: 'stop' | 'hold' = 'stop'): State => ({
  show: () => <StopDialog asked={asked} first={first} onClose={() => {}} />,
  shows: asked.title,
  ...more,
})
const press = ['Stop prototype']

export const states: States = {
  'one prototype': of(stopOne(ready)),
  'all of a person': of(stopPerson(ana)),
  everything: of(stopAll),
  hold: of(stopOne(ready), { shows: 'Put prototype on hold' }, 'hold'),
  'hold without a reason': of(stopAll, { press: ['Put everything on hold'], shows: 'Say why' }, 'hold'),
  stopping: of(stopOne(ready), { press, answers: { 'POST /kill': never } }),
  failed: of(stopOne(ready), {
    press,
    answers: { 'POST /kill': fails('audit_unavailable', 'The database does not answer. Try again soon.') },
    shows: 'The database does not answer.',
  }),
  'very long': of(stopOne(long)),
  bidi: of(stopPerson(bidiPerson), {}, 'hold'),
}
