import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { createKeyedQueue } from '../../../../../api/flow/keyed-queue.ts'
import { createPacking } from '../../../../../api/gateway/terminals/segments/packing.ts'
import { openSegments, type Segments } from '../../../../../api/gateway/terminals/segments/segments.ts'
import { until } from '../../../../support/until.ts'

const SEGMENT_BYTES = 700_000
/** The first segment, as it is written and compressed. */
export const RAW = '0000000000000000.raw'
export const PACKED = '0000000000000000.zst'

/** Call it once in a test file: each test gets a folder of its own for segments, and functions to look into it. */
export function segmentsFolder() {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bl-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))
  const at = (name: string) => join(folder, name)

  function opened() {
    const state = { onDisk: 0, failures: 0 }
    const packing = createPacking({
      compression: createKeyedQueue(),
      onDisk: (bytes) => {
        state.onDisk += bytes
      },
      onFailed: () => {
        state.failures += 1
      },
    })
    const open = () =>
      openSegments(folder, { segmentBytes: SEGMENT_BYTES, onClosed: (segment) => packing.add(folder, segment) })
    return { state, packing, open }
  }

  const names = async () => (await readdir(folder)).sort()
  const kinds = async () => (await names()).map((name) => name.replace(/^\d+\./, ''))
  /** Until so many are compressed, and none is there both ways, as it is for a moment. */
  const packed = (count: number) =>
    until(`${count} are compressed`, async () => {
      const found = await kinds()
      const starts = new Set((await names()).map((name) => name.replace(/\..*/, '')))
      const done = found.filter((kind) => kind === 'zst').length === count && starts.size === found.length
      return done && !found.includes('zst.new') ? found : null
    })
  async function diskBytes() {
    const sizes = await Promise.all((await names()).map((name) => stat(join(folder, name)).then(({ size }) => size)))
    return sizes.reduce((sum, size) => sum + size, 0)
  }
  return { at, opened, names, kinds, packed, diskBytes }
}

/** Half log, half noise: compressible and not, and no two places alike. */
export function output(bytes: number) {
  const pieces: Buffer[] = []
  for (let line = 0, sum = 0; sum < bytes; line += 1) {
    const piece = line % 9 === 8 ? randomBytes(3000) : Buffer.from(`line ${line}: it went well, as it did before\r\n`)
    pieces.push(piece)
    sum += piece.length
  }
  return Buffer.concat(pieces).subarray(0, bytes)
}

export async function append(segments: Segments, bytes: Buffer, at = segments.end()) {
  for (let from = 0; from < bytes.length; from += 50_000) {
    await segments.append(at + from, [bytes.subarray(from, from + 50_000)])
  }
}

export async function readAll(segments: Segments, pieceBytes = 65_536) {
  const reader = segments.reader()
  const pieces: Buffer[] = []
  let offset = 0
  while (offset < segments.end()) {
    const piece = await reader.read(offset, pieceBytes)
    offset = piece.offset + piece.bytes.length
    pieces.push(piece.bytes)
  }
  await reader.close()
  return Buffer.concat(pieces)
}
