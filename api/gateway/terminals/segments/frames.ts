import { constants, zstdCompress, zstdDecompress } from 'node:zlib'

/**
 * A compressed segment is a file in zstd's seekable format, version 0.1.0 (`contrib/seekable_format` of zstd), and
 * `zstd -dc` gives back the terminal's bytes:
 *
 *     frame …        each a zstd frame (RFC 8878) with checksum, of FRAME_BYTES of output, the last one of fewer
 *     seek table     a skippable frame: magic 0x184D2A5E, size of what follows
 *       entry …        for each frame: its bytes in this file, its bytes of output
 *       footer         number of frames, descriptor 0 (no checksums in the table), magic 0x8F92EAB1
 *
 * All numbers have 32 bits, little-endian, but the descriptor, which has 8. Whoever wants 64 KiB decompresses one frame.
 */
export const FRAME_BYTES = 262_144
export const FOOTER_BYTES = 9
const TABLE_MAGIC = 0x184d2a5e
const FOOTER_MAGIC = 0x8f92eab1
const TABLE_HEADER_BYTES = 8
const ENTRY_BYTES = 8
/** Far beyond a segment; a number from a damaged file must not become an allocation. */
const MOST_FRAMES = 65_536
/** Incompressible bytes grow by a few; with room for them a frame is one call of the compressor. */
const OVERHEAD_BYTES = 4096
/** The fastest: level 3 takes half as long again and gains three per cent on text. */
const LEVEL = 1

export interface Frame {
  /** Where it stands in the file, and how long it is there. */
  position: number
  packedBytes: number
  /** What it holds, counted from the segment's first byte. */
  start: number
  length: number
}

const tableBytes = (count: number) => TABLE_HEADER_BYTES + count * ENTRY_BYTES + FOOTER_BYTES

export function seekTable(frames: readonly Pick<Frame, 'packedBytes' | 'length'>[]): Buffer {
  const table = Buffer.alloc(tableBytes(frames.length))
  table.writeUInt32LE(TABLE_MAGIC, 0)
  table.writeUInt32LE(table.length - TABLE_HEADER_BYTES, 4)
  for (const [index, { packedBytes, length }] of frames.entries()) {
    table.writeUInt32LE(packedBytes, TABLE_HEADER_BYTES + index * ENTRY_BYTES)
    table.writeUInt32LE(length, TABLE_HEADER_BYTES + index * ENTRY_BYTES + 4)
  }
  table.writeUInt32LE(frames.length, table.length - FOOTER_BYTES)
  table.writeUInt32LE(FOOTER_MAGIC, table.length - 4)
  return table
}

/** How long the whole table is, from the file's last bytes. Throws when they are no footer. */
export function seekTableBytes(footer: Buffer): number {
  const count = footer.length === FOOTER_BYTES ? footer.readUInt32LE(0) : 0
  if (count === 0 || count > MOST_FRAMES || footer[4] !== 0 || footer.readUInt32LE(5) !== FOOTER_MAGIC) throw damaged()
  return tableBytes(count)
}

/** Throws unless the table accounts for every byte of the file. */
export function framesOf(table: Buffer, fileBytes: number): Frame[] {
  const frames: Frame[] = []
  let position = 0
  let start = 0
  for (let at = TABLE_HEADER_BYTES; at < table.length - FOOTER_BYTES; at += ENTRY_BYTES) {
    const packedBytes = table.readUInt32LE(at)
    const length = table.readUInt32LE(at + 4)
    if (length === 0 || length > FRAME_BYTES) throw damaged()
    frames.push({ position, packedBytes, start, length })
    position += packedBytes
    start += length
  }
  const whole = position + table.length === fileBytes && table.readUInt32LE(0) === TABLE_MAGIC
  if (!whole || table.readUInt32LE(4) !== table.length - TABLE_HEADER_BYTES) throw damaged()
  return frames
}

export function packFrame(bytes: Buffer): Promise<Buffer> {
  const params = { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 }
  return new Promise((resolve, reject) => {
    zstdCompress(bytes, { params, chunkSize: FRAME_BYTES + OVERHEAD_BYTES }, (error, packed) =>
      error ? reject(error) : resolve(packed),
    )
  })
}

export function unpackFrame(packed: Buffer, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    zstdDecompress(packed, { chunkSize: FRAME_BYTES, maxOutputLength: FRAME_BYTES }, (error, bytes) =>
      error || bytes.length !== length ? reject(error ?? damaged()) : resolve(bytes),
    )
  })
}

const damaged = () => new Error('A compressed segment of a recording is damaged.')
