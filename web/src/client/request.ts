import { z } from 'zod'
import { type ErrorCode, errorBody } from '../../../api/contract/errors.ts'

/** `offline`: no answer came. `unreadable`: an answer came that is not in the contract. */
type FailureCode = ErrorCode | 'offline' | 'unreadable'

const UNREACHABLE = 'Backlot cannot be reached. Check that it is running, then try again.'

/** An answer that is not a success, with a message for the person who sees it. */
export class RequestFailed extends Error {
  readonly code: FailureCode
  readonly requestId: string | null

  constructor(code: FailureCode, message: string, requestId: string | null = null) {
    super(message)
    this.name = 'RequestFailed'
    this.code = code
    this.requestId = requestId
  }
}

/** No answer came: worth asking for again. */
export const isOffline = (error: unknown): boolean => error instanceof RequestFailed && error.code === 'offline'

/** There is no such thing, or it is not this person's: asking again changes nothing, and each try is in the log. */
export const isMissing = (error: unknown): boolean => error instanceof RequestFailed && error.code === 'not_found'

/** For answers without a body. */
export const nothing = z.undefined()

const parsed = (text: string): unknown => {
  if (text === '') return undefined
  return z.json().parse(JSON.parse(text))
}

const failureOf = (status: number, text: string): RequestFailed => {
  try {
    const { error } = errorBody.parse(parsed(text))
    return new RequestFailed(error.code, error.message, error.requestId)
  } catch {
    return status >= 500
      ? new RequestFailed('unreadable', 'Backlot has a problem. Try again in a moment.')
      : new RequestFailed('unreadable', `Backlot refused this (HTTP ${status}).`)
  }
}

interface Options {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
}

/**
 * One call to /api/v1 with the session's cookie; the answer is parsed with `schema`, never cast.
 * @throws {RequestFailed} on every status but 2xx, on no answer, and on an answer that the schema does not know.
 */
export const request = async <Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  { method = 'GET', body, headers = {}, signal }: Options = {},
): Promise<z.output<Schema>> => {
  const init: RequestInit = { method, credentials: 'same-origin', headers: { accept: 'application/json', ...headers } }
  if (signal) init.signal = signal
  if (body !== undefined) {
    init.body = JSON.stringify(body)
    init.headers = { accept: 'application/json', 'content-type': 'application/json', ...headers }
  }
  let status: number
  let text: string
  try {
    const response = await fetch(`/api/v1${path}`, init)
    status = response.status
    text = await response.text()
  } catch (error) {
    if (signal?.aborted) throw error
    throw new RequestFailed('offline', UNREACHABLE)
  }
  if (status < 200 || status > 299) throw failureOf(status, text)
  const result = schema.safeParse(text === '' ? undefined : parsed(text))
  if (result.success) return result.data
  throw new RequestFailed('unreadable', 'This page does not understand Backlot’s answer. Reload the page.')
}

/**
 * Opens an answer that does not end by itself.
 * @throws {RequestFailed} as `request` does.
 */
export const openStream = async (path: string, signal: AbortSignal): Promise<Response> => {
  const response = await fetch(`/api/v1${path}`, {
    credentials: 'same-origin',
    headers: { accept: 'text/event-stream' },
    signal,
  }).catch((error: unknown) => {
    if (signal.aborted) throw error
    throw new RequestFailed('offline', UNREACHABLE)
  })
  if (!response.ok) throw failureOf(response.status, await response.text())
  return response
}

/** What to tell a person about anything thrown. */
export const messageOf = (error: unknown): string =>
  error instanceof RequestFailed ? error.message : 'Something went wrong on this page. Reload it and try again.'
