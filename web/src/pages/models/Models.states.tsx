import { models } from '../../../gallery/data/models.ts'
import { fails, json, never, type States } from '../../../gallery/state.ts'

const at = '/models'
const view = (body: unknown) => ({ 'GET /models': json(body) })

export const states: States = {
  loading: { at, answers: { 'GET /models': never }, shows: 'Loading' },
  empty: { at, answers: view(models.demo), shows: 'No provider yet' },
  ready: { at, answers: view(models.real), shows: 'anthropic' },
  error: {
    at,
    answers: { 'GET /models': fails('gateway_unavailable', 'The gateway does not answer.') },
    shows: 'Try again',
  },
  'very long': { at, answers: view(models.long), shows: 'a-name-of-forty-characters-for-a-provider' },
  'new provider': { at, answers: view(models.demo), press: ['Add provider'], shows: 'Base URL, without /v1' },
}
