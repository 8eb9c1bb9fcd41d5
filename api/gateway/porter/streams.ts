import type { ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'
import type { Readable, Writable } from 'node:stream'
import { ApiError } from '../../errors.ts'
import { notConnected, TIMEOUT_MS } from './request.ts'
import type { PorterSession } from './session.ts'

export interface OffsetStream {
  /** Of the first byte. */
  offset: number
  stream: Readable
}

/**
 * Opens a stream and waits for the answer's head. Rejects with ApiError: `not_found` where the porter knows no such
 * thing, `sandbox_not_ready` when it does not answer in time or goes away.
 */
export function openStream(
  session: PorterSession,
  headers: OutgoingHttpHeaders,
  { endStream }: { endStream: boolean },
): Promise<{ stream: ClientHttp2Stream; status: number; header(name: string): string | null }> {
  return new Promise((resolve, reject) => {
    if (session.closed || session.destroyed) return reject(notConnected())
    const stream = session.request(headers, { endStream })
    const timer = setTimeout(() => stream.destroy(), TIMEOUT_MS)
    stream.on('error', () => {})
    stream.once('close', () => {
      clearTimeout(timer)
      reject(notConnected())
    })
    stream.once('response', (answer) => {
      clearTimeout(timer)
      const header = (name: string) => {
        const value = answer[name]
        return typeof value === 'string' ? value : null
      }
      resolve({ stream, status: Number(answer[':status']), header })
    })
  })
}

/** Output from the offset on that the path asks for. */
export async function readFrom(session: PorterSession, path: string): Promise<OffsetStream> {
  const { stream, status, header } = await openStream(session, { ':path': path }, { endStream: true })
  const offset = Number(header('x-offset'))
  if (status === 200 && Number.isSafeInteger(offset) && offset >= 0) return { offset, stream }
  stream.destroy()
  throw status === 404
    ? new ApiError('not_found', 'There is no such terminal in this sandbox any more.')
    : notConnected()
}

/** Bytes towards the sandbox; the answer comes when it ends and says nothing. */
export function writeTo(session: PorterSession, path: string): Writable {
  const stream = session.request({ ':method': 'POST', ':path': path }, { endStream: false })
  stream.on('error', () => {})
  stream.resume()
  return stream
}
