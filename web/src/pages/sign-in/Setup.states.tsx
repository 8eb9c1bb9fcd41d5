import { ana, long, meAs } from '../../../gallery/data/people.ts'
import type { States } from '../../../gallery/state.ts'

export const states: States = {
  ready: { at: '/welcome', answers: { 'GET /me': meAs(['pm'], ana, true) }, shows: 'Welcome' },
  'very long': { at: '/welcome', answers: { 'GET /me': meAs(['pm'], long, true) }, shows: 'Welcome' },
}
