/** The wire formats that agents speak here: which paths exist, and what an error looks like in each. */
import type { ModelDenial, ModelFailure } from '../../../contract/reasons.ts'

/** OpenAI chat completions, OpenAI responses, Anthropic messages. */
export type WireFormat = 'chat' | 'responses' | 'messages'

/** An answer of ours in the place of a provider's. `message` is read by the agent and by people: what happened and what to do. */
interface OwnAnswer<R extends ModelDenial | ModelFailure> {
  status: number
  /** For the header `x-backlot-reason`, and for the log. */
  reason: R
  message: string
}
/** Why a call is not made. */
export type Refusal = OwnAnswer<ModelDenial>
/** Why a call that was made has no answer of the provider's own. */
export type Failure = OwnAnswer<ModelFailure>
export const refusal = (status: number, reason: ModelDenial, message: string): Refusal => ({ status, reason, message })
export const failure = (status: number, reason: ModelFailure, message: string): Failure => ({ status, reason, message })

export const PATHS: ReadonlyMap<string, WireFormat> = new Map([
  ['/v1/chat/completions', 'chat'],
  ['/v1/responses', 'responses'],
  ['/v1/messages', 'messages'],
])

/** `beta=true` is what Anthropic's SDK adds for beta features; no other query means anything on these paths. */
const KNOWN_QUERIES = new Set(['', 'beta=true'])

type Route = { to: 'call'; path: string; format: WireFormat } | { to: 'list' } | { to: 'refused'; refusal: Refusal }

/**
 * Compares the request target as it came, byte for byte: nothing is decoded, collapsed or resolved, so `/v1/messages/../files`,
 * `//v1/messages` and `/v1/messages%2f..` are simply other paths (L02, L06, test/CASES.md).
 */
export function routeOf(method: string, target: string): Route {
  const mark = target.indexOf('?')
  const path = mark === -1 ? target : target.slice(0, mark)
  const query = mark === -1 ? '' : target.slice(mark + 1)
  const format = PATHS.get(path)
  if (!format && path !== '/v1/models') return { to: 'refused', refusal: refusal(404, 'path-unknown', UNKNOWN_PATH) }
  const wanted = format ? 'POST' : 'GET'
  if (method !== wanted)
    return { to: 'refused', refusal: refusal(405, 'method-refused', `${path} answers ${wanted} only.`) }
  if (!format) return { to: 'list' }
  if (!KNOWN_QUERIES.has(query))
    return {
      to: 'refused',
      refusal: refusal(400, 'query-refused', `${path} takes no query. Leave out everything after "?".`),
    }
  return { to: 'call', path, format }
}
const UNKNOWN_PATH =
  'Backlot offers /v1/chat/completions, /v1/responses, /v1/messages and /v1/models here, and no other path of a model provider.'

/** Which of the two error shapes a client expects, for a request of which perhaps nothing but the target could be read. */
export const shapeOf = (target: string, anthropicVersion: boolean): WireFormat =>
  anthropicVersion || target.startsWith('/v1/messages') ? 'messages' : 'chat'

const ANTHROPIC_TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
}

/** The body of such an answer as the provider of that format would write it. */
export function errorBody(format: WireFormat, { status, reason, message }: Refusal | Failure): string {
  if (format === 'messages') {
    const type = ANTHROPIC_TYPES[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error')
    return JSON.stringify({ type: 'error', error: { type, message } })
  }
  const type = status >= 500 ? 'server_error' : status === 429 ? 'rate_limit_exceeded' : 'invalid_request_error'
  return JSON.stringify({ error: { message, type, param: null, code: reason.replaceAll('-', '_') } })
}

/** GET /v1/models: one entry, readable by clients of either provider. */
export const MODEL_LIST = JSON.stringify({
  object: 'list',
  data: [
    {
      id: 'backlot/default',
      object: 'model',
      created: 0,
      owned_by: 'backlot',
      type: 'model',
      display_name: 'Backlot: the model that your policy assigns',
      created_at: '1970-01-01T00:00:00Z',
    },
  ],
  has_more: false,
  first_id: 'backlot/default',
  last_id: 'backlot/default',
})
