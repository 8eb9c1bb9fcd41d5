import { longPolicy, policy } from '../../../gallery/data/policies.ts'
import { BIDI } from '../../../gallery/data/words.ts'
import { fails, json, never, type States } from '../../../gallery/state.ts'

const at = '/policies'
const inForce = (view: unknown) => ({ 'GET /policies/standard': json(view) })

export const states: States = {
  loading: { at, answers: { 'GET /policies': never }, shows: 'Loading' },
  'rules loading': { at, answers: { 'GET /policies/standard': never }, shows: 'Loading' },
  empty: { at, answers: { 'GET /policies': json({ items: [] }) }, shows: 'No policy is in force' },
  ready: { at, shows: 'Version 3 is in force' },
  'nothing may be reached': { at, answers: inForce(policy([])), shows: 'Version 3 is in force' },
  error: { at, answers: { 'GET /policies': fails('internal', 'The database does not answer.') }, shows: 'Try again' },
  'very long': { at, answers: inForce(longPolicy), shows: 'If a refund takes' },
  bidi: { at, answers: inForce(policy([], BIDI)), shows: 'תשלום' },
}
