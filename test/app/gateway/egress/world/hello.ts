/** ClientHellos byte by byte, as clients and as nobody in their right mind would send them. */

export const SERVER_NAME = 0
export const SUPPORTED_VERSIONS = 43
export const EARLY_DATA = 42
export const ECH = 0xfe0d

export const u8 = (value: number) => Buffer.from([value & 0xff])
export const u16 = (value: number) => Buffer.from([(value >> 8) & 0xff, value & 0xff])
export const u24 = (value: number) => Buffer.from([(value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff])
export const vector8 = (bytes: Uint8Array) => Buffer.concat([u8(bytes.length), bytes])
export const vector16 = (bytes: Uint8Array) => Buffer.concat([u16(bytes.length), bytes])

export const extension = (type: number, data: Uint8Array = Buffer.alloc(0)) =>
  Buffer.concat([u16(type), vector16(data)])
export const serverName = (name: string | Buffer) => Buffer.concat([u8(0), vector16(Buffer.from(name))])
/** A server_name extension with these names. */
export const sni = (...names: (string | Buffer)[]) =>
  extension(SERVER_NAME, vector16(Buffer.concat(names.map((name) => serverName(name)))))
export const versions = (...list: number[]) => extension(SUPPORTED_VERSIONS, vector8(Buffer.concat(list.map(u16))))

interface HelloParts {
  extensions?: Buffer[] | null
  legacyVersion?: number
  /** Bytes behind the extensions, inside the message. */
  tail?: Buffer
}

/** The handshake message, without records. */
export function helloMessage({
  extensions = [sni('example.org'), versions(0x0304)],
  legacyVersion = 0x0303,
  tail,
}: HelloParts = {}): Buffer {
  const body = Buffer.concat([
    u16(legacyVersion),
    Buffer.alloc(32, 7),
    vector8(Buffer.alloc(32, 8)),
    vector16(Buffer.concat([0x0a0a, 0x1301, 0xc02f].map(u16))),
    vector8(u8(0)),
    extensions === null ? Buffer.alloc(0) : vector16(Buffer.concat(extensions)),
    tail ?? Buffer.alloc(0),
  ])
  return Buffer.concat([u8(1), u24(body.length), body])
}

export const record = (payload: Uint8Array, type = 22, version = 0x0301) =>
  Buffer.concat([u8(type), u16(version), vector16(payload)])

/** The message in records of at most `size` bytes. */
export function records(message: Buffer, size = 16_384): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < message.length; at += size) parts.push(record(message.subarray(at, at + size)))
  return Buffer.concat(parts)
}

export const hello = (parts?: HelloParts) => records(helloMessage(parts))
