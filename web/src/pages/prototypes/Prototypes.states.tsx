import { meAs } from '../../../gallery/data/people.ts'
import { bidi, every, held, long } from '../../../gallery/data/prototypes.ts'
import { fails, json, never, offline, type States } from '../../../gallery/state.ts'

const at = '/prototypes'
const list = (items: unknown[]) => ({ 'GET /prototypes': json({ items, cursor: null }) })

export const states: States = {
  loading: { at, answers: { 'GET /prototypes': never }, shows: 'Loading' },
  empty: { at, shows: 'What do you want to find out?' },
  'empty for who may not create': { at, answers: { 'GET /me': meAs(['security']) }, shows: 'You have no prototypes' },
  ready: { at, answers: list(every), shows: 'Refunds in one tap' },
  'on hold': { at, answers: list([held, ...every]), shows: 'On hold' },
  error: {
    at,
    answers: { 'GET /prototypes': fails('internal', 'The database does not answer. Try again in a moment.') },
    shows: 'Try again',
  },
  offline: { at, answers: { 'GET /prototypes': offline }, shows: 'Loading' },
  'very long': { at, answers: list([long, ...every]), shows: 'If a refund takes' },
  bidi: { at, answers: list([bidi, ...every]), shows: 'תשלום' },
  'new prototype': { at, press: ['New prototype'], shows: 'Create prototype' },
  'new prototype, nothing filled in': {
    at,
    press: ['New prototype', 'Create prototype'],
    shows: 'Give the prototype a title.',
  },
}
