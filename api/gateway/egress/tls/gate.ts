import type { Socket } from 'node:net'
import { canonicalHost } from '../../../policy/host.ts'
import { type HelloRefusal, readClientHello } from './client-hello.ts'

export type Gate = { ok: true; hello: Buffer; rest: Buffer } | { ok: false; reason: HelloRefusal | 'closed' }

/**
 * Waits for a ClientHello whose server name is `host`, and leaves the client paused behind it. Nothing was passed on yet.
 * `head`: bytes that the client sent before it had an answer.
 */
export async function passHello(
  client: Socket,
  head: Buffer,
  { host, maxBytes, timeoutMs }: HelloTerms,
): Promise<Gate> {
  let refusal: HelloRefusal | null = null
  const read = await collect(client, head, timeoutMs, (bytes) => {
    const hello = readClientHello(bytes, maxBytes)
    if (hello.state === 'more') return null
    if (hello.state === 'refused') refusal = hello.reason
    else refusal = judgeName(hello.sni, host)
    return hello.state === 'hello' ? hello.length : bytes.length
  })
  if (refusal !== null) return { ok: false, reason: refusal }
  if (read.state === 'timeout') return { ok: false, reason: 'hello-timeout' }
  if (read.state === 'closed') return { ok: false, reason: read.bytes.length > 0 ? 'hello-malformed' : 'closed' }
  return { ok: true, hello: read.bytes.subarray(0, read.length), rest: read.bytes.subarray(read.length) }
}

export interface HelloTerms {
  /** Canonical. */
  host: string
  maxBytes: number
  timeoutMs: number
}

/** CONNECT = SNI: another name would be served by whatever shares the address (domain fronting). */
function judgeName(sni: string, host: string): HelloRefusal | null {
  const name = canonicalHost(sni)
  if (!name.ok) return 'sni-invalid'
  return name.host === host ? null : 'sni-mismatch'
}

/** SHA-256 of "HelloRetryRequest", in the place of the server's random (RFC 8446 section 4.1.3). */
const RETRY_RANDOM = Buffer.from('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c', 'hex')
/** Record header, handshake header, version, random. */
const RANDOM_AT = 5 + 4 + 2

/**
 * The server's first bytes, up to where it is known whether it asks for a second ClientHello. That one is sent in the clear
 * and could name another host, so it must pass the gate too; anything later is encrypted. The upstream is left paused.
 */
export async function firstAnswer(upstream: Socket, timeoutMs: number): Promise<{ bytes: Buffer; retry: boolean }> {
  const need = RANDOM_AT + RETRY_RANDOM.length
  const read = await collect(upstream, Buffer.alloc(0), timeoutMs, (bytes) =>
    bytes[0] === 22 && (bytes.length < 6 || bytes[5] === 2) && bytes.length < need ? null : bytes.length,
  )
  const retry = read.bytes[0] === 22 && read.bytes.subarray(RANDOM_AT, need).equals(RETRY_RANDOM)
  return { bytes: read.bytes, retry }
}

/** change_cipher_spec, alert and early data. An alert that only warns does not end a handshake: a hello may follow it. */
const PASSED_OVER = new Set([20, 21, 23])

/**
 * After a HelloRetryRequest: passes over records which the server drops, up to the second hello, which must name the same
 * host. `hello` holds all of it.
 */
export async function passSecondHello(client: Socket, head: Buffer, terms: HelloTerms): Promise<Gate> {
  let refusal: HelloRefusal | null = null
  // Kept between looks: a client may send ever more empty records, a few bytes at a time.
  let at = 0
  const read = await collect(client, head, terms.timeoutMs, (bytes) => {
    while (bytes.length >= at + 5 && PASSED_OVER.has(bytes[at] ?? 0)) at += 5 + bytes.readUInt16BE(at + 3)
    if (at >= bytes.length || PASSED_OVER.has(bytes[at] ?? 0))
      return bytes.length > 4 * terms.maxBytes ? refuseWith('hello-too-large', bytes) : null
    const hello = readClientHello(bytes.subarray(at), terms.maxBytes)
    if (hello.state === 'more') return null
    if (hello.state === 'refused')
      return refuseWith(hello.reason === 'connect-non-tls' ? 'hello-changed' : hello.reason, bytes)
    if (judgeName(hello.sni, terms.host) !== null) return refuseWith('hello-changed', bytes)
    return at + hello.length
  })
  function refuseWith(reason: HelloRefusal, bytes: Buffer) {
    refusal = reason
    return bytes.length
  }
  if (refusal !== null) return { ok: false, reason: refusal }
  if (read.state === 'timeout') return { ok: false, reason: 'hello-timeout' }
  if (read.state === 'closed') return { ok: false, reason: 'closed' }
  return { ok: true, hello: read.bytes.subarray(0, read.length), rest: read.bytes.subarray(read.length) }
}

interface Collected {
  state: 'enough' | 'closed' | 'timeout'
  bytes: Buffer
  length: number
}

/** Reads until `enough` names a length, the peer ends, or the time is up; then pauses. */
function collect(
  socket: Socket,
  head: Buffer,
  timeoutMs: number,
  enough: (bytes: Buffer) => number | null,
): Promise<Collected> {
  return new Promise((done, failed) => {
    let bytes = head
    const stop = () => {
      clearTimeout(timer)
      socket.off('data', onData).off('end', onClosed).off('close', onClosed)
      socket.pause()
    }
    const finish = (state: Collected['state'], length = bytes.length) => {
      stop()
      done({ state, bytes, length })
    }
    const look = () => {
      try {
        const length = bytes.length === 0 ? null : enough(bytes)
        if (length !== null) finish('enough', length)
      } catch (error) {
        // Nobody catches what a listener throws: the process would end.
        stop()
        failed(error)
      }
    }
    const onData = (chunk: Buffer) => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
      look()
    }
    const onClosed = () => finish('closed')
    const timer = setTimeout(() => finish('timeout'), timeoutMs)
    socket.on('data', onData).on('end', onClosed).on('close', onClosed)
    if (socket.destroyed || socket.readableEnded) return onClosed()
    look()
    socket.resume()
  })
}
