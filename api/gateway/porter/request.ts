import type { ClientHttp2Stream } from 'node:http2'
import { z } from 'zod'
import { ApiError } from '../../errors.ts'
import type { PorterSession } from './session.ts'

export const notConnected = () =>
  new ApiError('sandbox_not_ready', 'The sandbox does not answer. It may be starting again: try again in a moment.')

/** What a sandbox may answer to one request, where the request does not say otherwise. */
const BODY_LIMIT_BYTES = 1_048_576
export const TIMEOUT_MS = 10_000
const MESSAGE_LIMIT = 500

const TOO_LARGE = () => new ApiError('too_large', 'The sandbox answered more than fits.')
const NO_ROOM = () =>
  new ApiError(
    'limit_reached',
    'The commands that run in this sandbox answer with more than fits at one time. Run fewer at once, or let them write to files.',
  )

const problem = z.object({ message: z.string() })

export interface PorterRequest {
  method: 'GET' | 'POST' | 'DELETE'
  path: string
  body?: unknown
  timeoutMs?: number
  limitBytes?: number
  /** Asked for each piece of the answer; false ends it with `limit_reached`. */
  take?(bytes: number): boolean
  signal?: AbortSignal
}

/** One request with a JSON answer, parsed by `schema`. The answer was written by a sandbox: capped, timed, judged. */
export async function ask<T>(session: PorterSession, request: PorterRequest, schema: z.ZodType<T>): Promise<T> {
  const text = await askText(session, request)
  const parsed = schema.safeParse(jsonOf(text))
  if (!parsed.success) throw new ApiError('sandbox_not_ready', 'The sandbox answered something that makes no sense.')
  return parsed.data
}

function jsonOf(text: string): unknown {
  try {
    return z.unknown().parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** As `ask`, for requests whose answer is empty. */
export async function tell(session: PorterSession, request: PorterRequest): Promise<void> {
  await askText(session, request)
}

async function askText(session: PorterSession, request: PorterRequest): Promise<string> {
  const { method, path, body, timeoutMs = TIMEOUT_MS, limitBytes = BODY_LIMIT_BYTES, take, signal } = request
  if (session.closed || session.destroyed || signal?.aborted) throw notConnected()
  const stream = session.request({ ':method': method, ':path': path }, { endStream: body === undefined })
  const late = setTimeout(() => stream.destroy(), timeoutMs)
  const abort = () => stream.destroy()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    if (body !== undefined) stream.end(JSON.stringify(body))
    const { status, text } = await collect(stream, limitBytes, take)
    if (status === 404) throw new ApiError('not_found', 'There is no such thing in this sandbox any more.')
    if (status === 400) throw new ApiError('invalid_request', `The sandbox cannot do that${reasonIn(text)}.`)
    if (status >= 300) throw new ApiError('sandbox_not_ready', `The sandbox could not do that${reasonIn(text)}.`)
    return text
  } finally {
    clearTimeout(late)
    signal?.removeEventListener('abort', abort)
  }
}

function collect(
  stream: ClientHttp2Stream,
  limitBytes: number,
  take: PorterRequest['take'] = () => true,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    let status = 0
    stream.once('response', (headers) => {
      status = Number(headers[':status'])
    })
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= limitBytes && take(chunk.length)) return void chunks.push(chunk)
      // Nothing of it is of use any more, and the stream's own end may be long in coming.
      chunks.length = 0
      reject(bytes > limitBytes ? TOO_LARGE() : NO_ROOM())
      stream.destroy()
    })
    stream.once('end', () => status > 0 && resolve({ status, text: Buffer.concat(chunks).toString('utf8') }))
    stream.once('error', () => reject(notConnected()))
    stream.once('close', () => reject(notConnected()))
  })
}

function reasonIn(text: string) {
  const read = problem.safeParse(jsonOf(text))
  return read.success ? `: ${read.data.message.slice(0, MESSAGE_LIMIT)}` : ''
}
