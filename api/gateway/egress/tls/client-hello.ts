import type { EgressDenial } from '../../../contract/reasons.ts'

/**
 * Reads a TLS ClientHello out of the first bytes of a connection (RFC 8446 sections 4.1.2 and 5.1, RFC 6066 section 3), without
 * decrypting anything. Strict: what two TLS stacks could read differently is refused.
 */

export type HelloRefusal = Extract<
  EgressDenial,
  | 'connect-non-tls'
  | 'hello-too-large'
  | 'hello-timeout'
  | 'hello-malformed'
  | 'hello-changed'
  | 'tls-too-old'
  | 'sni-missing'
  | 'sni-repeated'
  | 'sni-invalid'
  | 'sni-mismatch'
  | 'ech'
>

export type HelloRead =
  | { state: 'more' }
  /** `sni`: as sent. `length`: bytes of the records that hold the hello. */
  | { state: 'hello'; sni: string; length: number }
  | { state: 'refused'; reason: HelloRefusal }

const HANDSHAKE = 22
const CLIENT_HELLO = 1
const SERVER_NAME = 0x0000
const SUPPORTED_VERSIONS = 0x002b
const TLS12 = 0x0303
/** A hello may be split (Chrome's fits in one); one byte a record is only sent to make somebody work. */
const MAX_RECORDS = 64
/**
 * Encrypted Client Hello, RFC 9849. A GREASE ECH (section 6.2) is made to look exactly like a real one to everybody but the
 * server, so on a tunnel that is not decrypted both are refused: the visible SNI of a real one is not where it goes.
 */
const ECH = new Set([0xfe0d, 0xfe0a, 0xfe09, 0xfe08, 0xffce])

/** `maxBytes` caps all records of the hello together. */
export function readClientHello(bytes: Buffer, maxBytes: number): HelloRead {
  const parts: Buffer[] = []
  let offset = 0
  let have = 0
  let need = 0
  while (have < Math.max(need, 4)) {
    const record = readRecord(bytes, offset)
    if (typeof record === 'string') return record === 'more' ? more(bytes, maxBytes) : refuse(record)
    parts.push(record)
    have += record.length
    offset += 5 + record.length
    if (offset > maxBytes) return refuse('hello-too-large')
    if (parts.length > MAX_RECORDS) return refuse('hello-malformed')
    if (need === 0 && have >= 4) {
      const head = Buffer.concat(parts, have)
      if (head[0] !== CLIENT_HELLO) return refuse('connect-non-tls')
      need = 4 + head.readUIntBE(1, 3)
      if (need > maxBytes) return refuse('hello-too-large')
    }
  }
  // Keys change after a ClientHello, so nothing else may share its last record (RFC 8446 section 5.1).
  if (have > need) return refuse('hello-malformed')
  return readBody(new Reader(Buffer.concat(parts, have).subarray(4)), offset)
}

/** One record's payload from `offset` on, or why there is none. */
function readRecord(bytes: Buffer, offset: number): Buffer | 'more' | HelloRefusal {
  // As early as the bytes allow: somebody who speaks SSH then waits for an answer.
  if (bytes.length > offset && bytes[offset] !== HANDSHAKE) return offset === 0 ? 'connect-non-tls' : 'hello-malformed'
  if (bytes.length > offset + 1 && bytes[offset + 1] !== 3) return offset === 0 ? 'connect-non-tls' : 'hello-malformed'
  if (bytes.length < offset + 5) return 'more'
  const length = bytes.readUInt16BE(offset + 3)
  if (length === 0 || length > 16_384) return 'hello-malformed'
  if (bytes.length < offset + 5 + length) return 'more'
  return bytes.subarray(offset + 5, offset + 5 + length)
}

function readBody(body: Reader, length: number): HelloRead {
  const legacyVersion = body.uint16()
  body.skip(32)
  const sessionId = body.vector8()
  const cipherSuites = body.vector16()
  const compression = body.vector8()
  if (
    body.failed ||
    sessionId.length > 32 ||
    cipherSuites.length < 2 ||
    cipherSuites.length % 2 !== 0 ||
    compression.length < 1
  ) {
    return refuse('hello-malformed')
  }
  if (legacyVersion < TLS12) return refuse('tls-too-old')
  if (body.left() === 0) return refuse('sni-missing')
  const extensions = new Reader(body.vector16())
  if (body.failed || body.left() > 0) return refuse('hello-malformed')

  const seen = new Set<number>()
  let sni: { state: 'name'; name: string } | { state: 'refused'; reason: HelloRefusal } | null = null
  while (extensions.left() > 0) {
    const type = extensions.uint16()
    const data = extensions.vector16()
    if (extensions.failed) return refuse('hello-malformed')
    if (seen.has(type)) return refuse(type === SERVER_NAME ? 'sni-repeated' : 'hello-malformed')
    seen.add(type)
    if (ECH.has(type)) return refuse('ech')
    if (type === SUPPORTED_VERSIONS && !offersTls12(data)) return refuse('tls-too-old')
    if (type === SERVER_NAME) sni = readServerName(data)
  }
  if (sni === null) return refuse('sni-missing')
  return sni.state === 'refused' ? sni : { state: 'hello', sni: sni.name, length }
}

/** A list of exactly one host_name: the second of two is what some servers take. */
function readServerName(data: Buffer): { state: 'name'; name: string } | { state: 'refused'; reason: HelloRefusal } {
  const outer = new Reader(data)
  const list = new Reader(outer.vector16())
  if (outer.failed || outer.left() > 0 || list.left() === 0) return refuse('sni-invalid')
  const type = list.uint8()
  const name = list.vector16()
  if (list.failed || type !== 0 || name.length === 0) return refuse('sni-invalid')
  if (list.left() > 0) return refuse('sni-repeated')
  return { state: 'name', name: name.toString('latin1') }
}

/** GREASE versions (RFC 8701) are larger numbers, and are passed over like any other unknown one. */
function offersTls12(data: Buffer): boolean {
  const versions = new Reader(new Reader(data).vector8())
  while (versions.left() > 0) {
    const version = versions.uint16()
    if (version === TLS12 || version === 0x0304) return true
  }
  return false
}

/** Reads big-endian fields; after the first one that does not fit, `failed` is set and everything reads as empty. */
class Reader {
  #bytes: Buffer
  #offset = 0
  failed = false
  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }
  left() {
    return this.failed ? 0 : this.#bytes.length - this.#offset
  }
  #take(length: number): Buffer {
    if (this.failed || this.#offset + length > this.#bytes.length) {
      this.failed = true
      return Buffer.alloc(0)
    }
    this.#offset += length
    return this.#bytes.subarray(this.#offset - length, this.#offset)
  }
  skip(length: number) {
    this.#take(length)
  }
  uint8() {
    const bytes = this.#take(1)
    return this.failed ? 0 : bytes.readUInt8(0)
  }
  uint16() {
    const bytes = this.#take(2)
    return this.failed ? 0 : bytes.readUInt16BE(0)
  }
  vector8() {
    return this.#take(this.uint8())
  }
  vector16() {
    return this.#take(this.uint16())
  }
}

const refuse = (reason: HelloRefusal) => ({ state: 'refused' as const, reason })
const more = (bytes: Buffer, maxBytes: number): HelloRead =>
  bytes.length >= maxBytes ? refuse('hello-too-large') : { state: 'more' }
