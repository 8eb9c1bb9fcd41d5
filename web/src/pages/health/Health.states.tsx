import { gateways, health } from '../../../gallery/data/health.ts'
import { fails, json, never, type States } from '../../../gallery/state.ts'

const at = '/health'
const report = (body: unknown, served: unknown = gateways.fine) => ({
  'GET /doctor': json(body),
  'GET /gateways': json(served),
})

export const states: States = {
  loading: { at, answers: { 'GET /doctor': never, 'GET /gateways': never }, shows: 'Loading' },
  ready: { at, answers: report(health.fine), shows: 'All 2 checks passed.' },
  weak: { at, answers: report(health.weak), shows: 'Memory cannot be limited here' },
  error: {
    at,
    answers: {
      'GET /doctor': fails('runner_unavailable', 'The runner does not answer.'),
      'GET /gateways': json(gateways.fine),
    },
    shows: 'Try again',
  },
  'a gateway hangs': { at, answers: report(health.fine, gateways.hung), shows: 'started again by itself' },
  'very long': { at, answers: report(health.long), shows: 'If a refund takes' },
}
