import type { PrototypeView } from '../../../../api/contract/prototypes.ts'
import { ben, meAs } from '../../../gallery/data/people.ts'
import {
  applying,
  bidi,
  building,
  failed,
  held,
  heldTwice,
  long,
  lost,
  narrowed,
  paused,
  proving,
  ready,
  stopped,
  waiting,
} from '../../../gallery/data/prototypes.ts'
import { fails, json, never, type PageState, type States } from '../../../gallery/state.ts'

const TICKET = { ticket: 'once' }
const OPENED = { type: 'ready', offset: 0, cols: 80, rows: 24 }
const SESSION = `\u001b[32mdev@workspace\u001b[0m:\u001b[34m/workspace\u001b[0m$ npm run build\r\n\r\nvite built 12 modules in 340 ms\r\n\u001b[32mdev@workspace\u001b[0m:\u001b[34m/workspace\u001b[0m$ `

const answersFor = (prototype: PrototypeView) => ({
  [`GET /prototypes/${prototype.id}`]: json(prototype),
  [`GET /sandboxes/${prototype.sandbox.id}/terminals`]: json({ items: [] }),
  [`POST /sandboxes/${prototype.sandbox.id}/terminals/main/ticket`]: json(TICKET),
  [`POST /sandboxes/${prototype.sandbox.id}/terminals/terminal-2/ticket`]: json(TICKET),
})
const of = (prototype: PrototypeView, more: Omit<PageState, 'at'>): PageState => ({
  at: `/prototypes/${prototype.id}`,
  terminal: [OPENED, SESSION],
  ...more,
  answers: { ...answersFor(prototype), ...more.answers },
})

export const states: States = {
  loading: of(ready, { answers: { [`GET /prototypes/${ready.id}`]: never }, shows: 'Loading' }),
  building: of(building, { shows: 'Step 3 of 9' }),
  checking: of(proving, { shows: 'Preparing your workspace' }),
  ready: of(ready, { shows: 'Start the agent' }),
  'two terminals': of(ready, { press: ['New terminal'], shows: 'Terminal 2' }),
  'terminal connecting': of(ready, { terminal: [], shows: 'Connecting…' }),
  'terminal ended': of(ready, {
    terminal: [OPENED, SESSION, { type: 'exit', exitCode: 3 }],
    shows: 'exit code 3',
  }),
  'new rules wait': of(waiting, { shows: 'Apply now…' }),
  'rules were narrowed': of(narrowed, { shows: 'Your admin changed the rules' }),
  'rules are applied': of(applying, { shows: 'Step 5 of 9' }),
  'terminal ended by a change of rules': of(ready, {
    terminal: [
      OPENED,
      SESSION,
      {
        type: 'exit',
        exitCode: null,
        reason: 'Your admin changed the rules of this workspace. It is being rebuilt; your files stay.',
      },
    ],
    shows: 'your files stay',
  }),
  asleep: of(paused, { shows: 'Resume' }),
  stopped: of(stopped, { shows: 'Start again' }),
  'on hold': of(held, { shows: 'Chidi Anagonye put this prototype on hold' }),
  'on hold three times': of(heldTwice, { shows: 'each of these holds' }),
  failed: of(failed, { shows: 'Failed' }),
  lost: of(lost, { shows: 'Lost' }),
  'of somebody else': of(ready, { answers: { 'GET /me': meAs(['security'], ben) }, shows: 'belongs to' }),
  'not there': of(ready, {
    answers: { [`GET /prototypes/${ready.id}`]: fails('not_found', 'There is no such prototype.') },
    shows: 'Nothing behind this door',
  }),
  error: of(ready, {
    answers: { [`GET /prototypes/${ready.id}`]: fails('internal', 'The database does not answer.') },
    shows: 'Try again',
  }),
  'very long': of(long, { shows: 'Start the agent' }),
  bidi: of(bidi, { shows: 'Start the agent' }),
  'about to delete': of(stopped, { press: ['Delete prototype'], shows: 'Delete this prototype?' }),
}
