import { bidi, long, meAs } from '../../../gallery/data/people.ts'
import { LONG, WHEN } from '../../../gallery/data/words.ts'
import { fails, json, never, type States } from '../../../gallery/state.ts'

const at = '/account'
const token = (id: string, name: string, lastUsedAt: string | null) => ({
  id: `tk_${id.repeat(16)}`,
  name,
  createdAt: WHEN,
  expiresAt: '2026-06-01T09:30:00.000Z',
  lastUsedAt,
})
const tokens = (items: unknown[]) => ({ 'GET /tokens': json({ items }) })

export const states: States = {
  loading: { at, answers: { 'GET /tokens': never }, shows: 'Loading' },
  empty: { at, shows: 'Current password' },
  ready: {
    at,
    answers: tokens([token('a', 'nightly report', WHEN), token('b', 'my laptop', null)]),
    shows: 'Never used',
  },
  error: { at, answers: { 'GET /tokens': fails('internal', 'The database does not answer.') }, shows: 'Try again' },
  'very long': {
    at,
    answers: { 'GET /me': meAs(['pm'], long), ...tokens([token('a', LONG.slice(0, 100), null)]) },
    shows: 'Never used',
  },
  bidi: { at, answers: { 'GET /me': meAs(['pm'], bidi) }, shows: 'Current password' },
}
