import { disk, gateways, health } from '../../../gallery/data/health.ts'
import { fails, json, never, type States } from '../../../gallery/state.ts'

const at = '/health'
const report = (body: unknown, room: unknown = disk.fine, served: unknown = gateways.fine) => ({
  'GET /doctor': json(body),
  'GET /disk': json(room),
  'GET /gateways': json(served),
})

export const states: States = {
  loading: { at, answers: { 'GET /doctor': never, 'GET /disk': never, 'GET /gateways': never }, shows: 'Loading' },
  ready: { at, answers: report(health.fine), shows: 'All 2 checks passed.' },
  weak: { at, answers: report(health.weak), shows: 'Memory cannot be limited here' },
  error: {
    at,
    answers: {
      'GET /disk': json(disk.fine),
      'GET /gateways': json(gateways.fine),
      'GET /doctor': fails('runner_unavailable', 'The runner does not answer.'),
    },
    shows: 'Try again',
  },
  'disk nearly full': { at, answers: report(health.fine, disk.low), shows: 'The disk is nearly full' },
  'database elsewhere': { at, answers: report(health.fine, disk.outside), shows: 'The database is somewhere else' },
  'disk unreadable': { at, answers: report(health.fine, disk.unreadable), shows: 'The disk cannot be read' },
  'disk unknown': {
    at,
    answers: {
      'GET /doctor': json(health.fine),
      'GET /gateways': json(gateways.fine),
      'GET /disk': fails('internal', 'Something went wrong on our side.'),
    },
    shows: 'Try again',
  },
  'a gateway hangs': { at, answers: report(health.fine, disk.fine, gateways.hung), shows: 'started again by itself' },
  'very long': { at, answers: report(health.long), shows: 'If a refund takes' },
}
