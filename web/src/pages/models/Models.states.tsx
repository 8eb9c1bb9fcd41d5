import { models } from '../../../gallery/data/models.ts'
import { fails, json, never, type States } from '../../../gallery/state.ts'

const at = '/models'
const works = json({ ok: true, message: 'It answered.', models: ['a-large-model', 'a-small-model'] })
const silent = json({ ok: false, message: 'It does not answer (ECONNREFUSED).', models: [] })
const view = (body: unknown) => ({
  'GET /models': json(body),
  'POST /models/providers/anthropic/test': works,
  'POST /models/providers/ollama/test': silent,
  'POST /models/providers/the-longest-name-that-a-provider-can-hav/test': silent,
})

export const states: States = {
  loading: { at, answers: { 'GET /models': never }, shows: 'Loading' },
  empty: { at, answers: view(models.demo), shows: 'No provider yet' },
  ready: { at, answers: view(models.real), shows: 'anthropic' },
  error: {
    at,
    answers: { 'GET /models': fails('gateway_unavailable', 'The gateway does not answer.') },
    shows: 'Try again',
  },
  'very long': { at, answers: view(models.long), shows: 'the-longest-name-that-a-provider-can-hav' },
  'local provider': {
    at,
    answers: view(models.demo),
    press: ['Add provider', 'On our own machines'],
    shows: 'Accept a public address',
  },
  'new provider': { at, answers: view(models.demo), press: ['Add provider'], shows: 'Base URL, without /v1' },
}
