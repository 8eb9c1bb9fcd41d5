import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import { connect as dial } from 'node:net'
import type { z } from 'zod'
import { errorBody } from '../../contract/errors.ts'
import { ApiError } from '../../errors.ts'

export const PATIENCE_MS = 15_000
/** Per stream. The window of the connection stays at its default: see gateway/porter/session.ts. */
const STREAM_WINDOW_BYTES = 1_048_576
/** Two outputs of 1 MiB, each byte of which JSON may write as six characters. */
const MAX_ANSWER_BYTES = 16 * 1_048_576

export interface Call {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  path: string
  body?: unknown
  patienceMs?: number
  /** Its firing ends the call on both sides. */
  signal?: AbortSignal
}

interface Answer {
  stream: ClientHttp2Stream
  status: number
  offset: number
}

/** One HTTP/2 connection to the gateway, made when first used and again after it broke. Every method throws ApiError. */
export function createConnection(socketPath: string) {
  const state: { session: ClientHttp2Session | null } = { session: null }

  function sessionNow(): ClientHttp2Session {
    if (state.session && !state.session.closed && !state.session.destroyed) return state.session
    const session = openSession(socketPath)
    const forget = () => {
      if (state.session === session) state.session = null
    }
    session.on('error', forget)
    session.on('goaway', forget)
    session.on('close', forget)
    state.session = session
    return session
  }

  return {
    async ask<T>(schema: z.ZodType<T>, call: Call): Promise<T> {
      const { stream, status } = await begin(
        sessionNow(),
        call,
        call.body === undefined ? '' : JSON.stringify(call.body),
      )
      const text = await textOf(stream)
      if (status >= 400) throw refusalIn(status, text)
      try {
        return schema.parse(text === '' ? undefined : JSON.parse(text))
      } catch (error) {
        // A connection that breaks in the middle of an answer ends it like a complete one: the missing part is noticed here.
        throw unavailable(error)
      }
    },
    /** A stream both ways, with no limit in time once it has begun. */
    async open(call: Call): Promise<{ offset: number; bytes: ClientHttp2Stream }> {
      const { stream, status, offset } = await begin(sessionNow(), call, null)
      if (status >= 400) throw refusalIn(status, await textOf(stream.end()))
      stream.setTimeout(0)
      return { offset, bytes: stream }
    },
    close() {
      state.session?.destroy()
      state.session = null
    },
  }
}

function openSession(socketPath: string): ClientHttp2Session {
  const session = connect('http://gateway', {
    createConnection: () => dial(socketPath),
    settings: { initialWindowSize: STREAM_WINDOW_BYTES },
  })
  return session
}

/** Resolves at the answer's head. `json`: the whole body; null: the caller goes on writing. */
function begin(
  session: ClientHttp2Session,
  { method, path, patienceMs = PATIENCE_MS, signal }: Call,
  json: string | null,
): Promise<Answer> {
  const type = json === null ? 'application/octet-stream' : 'application/json'
  const headers = { ':method': method, ':path': path, ...(json === '' ? {} : { 'content-type': type }) }
  const stream = session.request(headers, { endStream: json === '', ...(signal ? { signal } : {}) })
  stream.setTimeout(patienceMs, () => stream.destroy(new Error(`no answer for ${patienceMs / 1000} s`)))
  if (json) stream.end(json)
  return new Promise((resolve, reject) => {
    stream.once('response', (head) =>
      resolve({ stream, status: head[':status'] ?? 0, offset: Number(head['x-offset'] ?? 0) }),
    )
    stream.on('error', (error) => reject(unavailable(error)))
    stream.once('close', () => reject(unavailable(new Error('the connection was closed'))))
  })
}

async function textOf(stream: ClientHttp2Stream): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  try {
    for await (const piece of stream) {
      pieces.push(piece)
      bytes += piece.length
      if (bytes > MAX_ANSWER_BYTES) throw new Error('the answer is too long')
    }
  } catch (error) {
    throw unavailable(error)
  }
  return Buffer.concat(pieces).toString('utf8')
}

function refusalIn(status: number, text: string): ApiError {
  try {
    const { error } = errorBody.parse(JSON.parse(text))
    return new ApiError(error.code, error.message)
  } catch {
    return unavailable(new Error(`status ${status}`))
  }
}

/** What happened is for the log: it may name paths, which are none of a caller's business. */
export function unavailable(cause: unknown): ApiError {
  return new ApiError('gateway_unavailable', 'The gateway does not answer. It is restarted by itself; try again.', {
    cause,
  })
}
