import { health } from '../../../gallery/data/health.ts'
import { fails, json, never, type States } from '../../../gallery/state.ts'

const at = '/health'
const report = (body: unknown) => ({ 'GET /doctor': json(body) })

export const states: States = {
  loading: { at, answers: { 'GET /doctor': never }, shows: 'Loading' },
  ready: { at, answers: report(health.fine), shows: 'All 2 checks passed.' },
  weak: { at, answers: report(health.weak), shows: 'Memory cannot be limited here' },
  error: {
    at,
    answers: { 'GET /doctor': fails('runner_unavailable', 'The runner does not answer.') },
    shows: 'Try again',
  },
  'very long': { at, answers: report(health.long), shows: 'If a refund takes' },
}
