import { more, muchMore } from '../../../gallery/data/prototypes.ts'
import { fails, type json, never, type State, type States } from '../../../gallery/state.ts'
import { NewRules } from './NewRules.tsx'

const SANDBOX = 'sb_1'
const of = (changes = more, rest: Partial<State> = {}): State => ({
  show: () => <NewRules sandbox={SANDBOX} changes={changes} />,
  shows: 'Apply now…',
  ...rest,
})
const answers = (answer: ReturnType<typeof json>) => ({ [`POST /sandboxes/${SANDBOX}/apply-policy`]: answer })
const pressed = ['Apply now…', 'Apply now']

export const states: States = {
  waiting: of(),
  everything: of(muchMore, { shows: 'New tools' }),
  asks: of(more, { press: ['Apply now…'], shows: 'Your files stay.' }),
  applying: of(more, { press: pressed, answers: answers(never) }),
  failed: of(more, {
    press: pressed,
    answers: answers(fails('conflict', 'No rules wait for this sandbox: it has all that its policy allows.')),
    shows: 'No rules wait',
  }),
}
