import { ana, bidi, long, many } from '../../../gallery/data/people.ts'
import { holds } from '../../../gallery/data/prototypes.ts'
import { fails, json, never, type States } from '../../../gallery/state.ts'

const at = '/people'
const list = (items: unknown[]) => ({ 'GET /people': json({ items }) })

export const states: States = {
  loading: { at, answers: { 'GET /people': never }, shows: 'Loading' },
  'only you': { at, answers: list([ana]), shows: 'Only you so far' },
  ready: { at, answers: list(many), shows: 'Chidi Anagonye' },
  'on hold': { at, answers: { ...list(many), 'GET /holds': json({ items: holds }) }, shows: 'On hold' },
  error: { at, answers: { 'GET /people': fails('internal', 'The database does not answer.') }, shows: 'Try again' },
  'very long': { at, answers: list([ana, long]), shows: 'If a refund takes' },
  bidi: { at, answers: list([ana, bidi]), shows: 'תשלום' },
  invite: { at, press: ['Invite'], shows: 'Create invite link' },
}
