/** Segments on a real disk: what is read back is what was written, however it is kept and whatever a crash left. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  copyFile,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createKeyedQueue } from '../../../../api/flow/keyed-queue.ts'
import { createPacking } from '../../../../api/gateway/terminals/segments/packing.ts'
import { openSegments, type Segments } from '../../../../api/gateway/terminals/segments/segments.ts'
import { until } from '../../../support/until.ts'

const SEGMENT_BYTES = 700_000
const RAW = '0000000000000000.raw'
const PACKED = '0000000000000000.zst'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bl-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

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

/** Half log, half noise: compressible and not, and no two places alike. */
function output(bytes: number) {
  const pieces: Buffer[] = []
  for (let line = 0, sum = 0; sum < bytes; line += 1) {
    const piece = line % 9 === 8 ? randomBytes(3000) : Buffer.from(`line ${line}: it went well, as it did before\r\n`)
    pieces.push(piece)
    sum += piece.length
  }
  return Buffer.concat(pieces).subarray(0, bytes)
}

async function append(segments: Segments, bytes: Buffer, at = segments.end()) {
  for (let from = 0; from < bytes.length; from += 50_000) {
    await segments.append(at + from, [bytes.subarray(from, from + 50_000)])
  }
}

async function readAll(segments: Segments, pieceBytes = 65_536) {
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

test('closed segments are compressed and the last is not; what is read is the same to the byte', async () => {
  const { state, packing, open } = opened()
  const segments = await open()
  const bytes = output(2_500_000)
  await append(segments, bytes)
  expect(await packed(3)).toEqual(['zst', 'zst', 'zst', 'raw'])
  for (const pieceBytes of [65_536, 1_000_000, 12_345]) {
    expect((await readAll(segments, pieceBytes)).equals(bytes)).toBe(true)
  }
  await expect.poll(async () => bytes.length + state.onDisk - (await diskBytes())).toBe(0)
  expect(state.onDisk).toBeLessThan(0)
  await segments.close()
  expect((await readAll(await open())).equals(bytes)).toBe(true)
  await packing.close()
})

test('reads begin anywhere, around each border of a frame and of a segment', async () => {
  const { open } = opened()
  const segments = await open()
  const bytes = output(1_500_000)
  await append(segments, bytes)
  await packed(2)
  const reader = segments.reader()
  for (const border of [0, 262_144, 524_288, 700_000, 962_144, 1_400_000]) {
    for (const from of [border - 1, border, border + 1].filter((offset) => offset >= 0)) {
      const read = await reader.read(from, 100)
      expect(read.offset).toBe(from)
      expect(read.bytes.length).toBeGreaterThan(0)
      expect(read.bytes.equals(bytes.subarray(from, from + read.bytes.length))).toBe(true)
    }
  }
  await reader.close()
})

test('a compressed segment is what zstd itself reads', async () => {
  const { open } = opened()
  const segments = await open()
  const bytes = output(700_000)
  await append(segments, bytes)
  await segments.seal()
  await packed(1)
  expect(zstdDecompressSync(await readFile(join(folder, PACKED))).equals(bytes)).toBe(true)
})

test('a reader that is in the middle of a segment goes on while it is compressed', async () => {
  const { open } = opened()
  const segments = await open()
  const bytes = output(1_400_000)
  await append(segments, bytes.subarray(0, 700_000))
  const reader = segments.reader()
  expect((await reader.read(0, 1000)).bytes.equals(bytes.subarray(0, 1000))).toBe(true)
  await append(segments, bytes.subarray(700_000))
  await packed(1)
  expect((await reader.read(1000, 1000)).bytes.equals(bytes.subarray(1000, 2000))).toBe(true)
  await reader.close()
})

test('readers that come while it is compressed see one or the other', async () => {
  const { open } = opened()
  const segments = await open()
  const bytes = output(2_100_000)
  const appending = append(segments, bytes)
  const readers = Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const reader = segments.reader()
      const from = index * 10_000
      await until('it is there', async () => (segments.end() > from ? true : null))
      const read = await reader.read(from, 5000)
      await reader.close()
      return read.bytes.equals(bytes.subarray(from, from + read.bytes.length)) && read.bytes.length > 0
    }),
  )
  await appending
  expect(new Set(await readers)).toEqual(new Set([true]))
  await packed(2)
})

test('a reader that is closed while it opens leaves no file open', async () => {
  const segments = await opened().open()
  await append(segments, output(1000))
  const openFiles = async () => {
    const links = await Promise.all(
      (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
    )
    return links.filter((link) => link.startsWith(folder)).length
  }
  await segments.close()
  const reader = segments.reader()
  const reading = reader.read(0, 10)
  await reader.close()
  await reading
  expect(await openFiles()).toBe(0)
})

test('a hole stays a hole', async () => {
  const { open } = opened()
  const segments = await open()
  const [before, after] = [output(300_000), output(300_000)]
  await append(segments, before)
  await append(segments, after, 1_000_000)
  await segments.seal()
  await packed(2)
  for (const view of [segments, await open()]) {
    const reader = view.reader()
    expect([view.oldest(), view.end()]).toEqual([0, 1_300_000])
    expect((await reader.read(400_000, 100)).offset).toBe(1_000_000)
    expect((await readAll(view)).equals(Buffer.concat([before, after]))).toBe(true)
    await reader.close()
  }
})

test('a recording that goes on after its last segment was compressed begins another', async () => {
  const { open } = opened()
  const first = await open()
  const bytes = output(200_000)
  await append(first, bytes.subarray(0, 100_000))
  await first.seal()
  await packed(1)
  const again = await open()
  await append(again, bytes.subarray(100_000))
  expect((await readAll(again)).equals(bytes)).toBe(true)
  expect(await kinds()).toEqual(['zst', 'raw'])
  await again.close()
})

test('what is not worth it stays raw', async () => {
  const { open, packing } = opened()
  const segments = await open()
  await append(segments, output(5000))
  await segments.seal()
  await packing.close()
  expect(await names()).toEqual([RAW])
})

describe('what a killed gateway left is put right', () => {
  const bytes = output(400_000)
  const rows: [string, () => Promise<unknown>, string][] = [
    ['in the middle of writing', () => writeFile(join(folder, `${PACKED}.new`), 'half'), RAW],
    ['before the rename', () => copyFile(join(folder, 'whole'), join(folder, `${PACKED}.new`)), RAW],
    ['before the raw one was removed', () => copyFile(join(folder, 'whole'), join(folder, PACKED)), PACKED],
    [
      'and a power failure took the end of the raw one',
      async () => {
        await copyFile(join(folder, 'whole'), join(folder, PACKED))
        await truncate(join(folder, RAW), 1000)
      },
      PACKED,
    ],
    ['with a damaged compressed one', () => writeFile(join(folder, PACKED), randomBytes(5000)), RAW],
    ['with an empty compressed one', () => writeFile(join(folder, PACKED), ''), RAW],
    [
      'with a compressed one that was cut off',
      async () => {
        await copyFile(join(folder, 'whole'), join(folder, PACKED))
        await truncate(join(folder, PACKED), 50_000)
      },
      RAW,
    ],
  ]
  test.each(rows)('%s', async (_when, leave, kept) => {
    const { open } = opened()
    const first = await open()
    await append(first, bytes)
    await first.seal()
    await packed(1)
    await copyFile(join(folder, PACKED), join(folder, 'whole'))
    await rm(join(folder, PACKED))
    await writeFile(join(folder, RAW), bytes)
    await leave()
    const segments = await open()
    await rm(join(folder, 'whole'))
    expect(await names()).toEqual([kept])
    expect([segments.oldest(), segments.end()]).toEqual([0, bytes.length])
    expect((await readAll(segments)).equals(bytes)).toBe(true)
  })

  test('a compressed one that is damaged and alone is a hole, and stays on the disk', async () => {
    const { open } = opened()
    const first = await open()
    await append(first, output(1_600_000))
    await packed(2)
    await first.close()
    await writeFile(join(folder, PACKED), 'no segment')
    const segments = await open()
    expect(segments.oldest()).toBe(700_000)
    expect((await readAll(segments)).length).toBe(900_000)
    expect(await names()).toContain(PACKED)
  })
})

test('a gateway that is killed while it compresses loses nothing', async () => {
  const bytes = output(6_000_000)
  await writeFile(join(folder, RAW), bytes)
  const compress = new URL('../../../../api/gateway/terminals/segments/compress.ts', import.meta.url)
  const program = `
    import { compress } from ${JSON.stringify(compress.href)}
    import { existsSync } from 'node:fs'
    const [raw, packed] = ${JSON.stringify([join(folder, RAW), join(folder, PACKED)])}
    setInterval(() => existsSync(packed + '.new') && process.kill(process.pid, 'SIGKILL'), 1)
    await compress({ raw, packed, length: ${bytes.length} }, new AbortController().signal)
  `
  expect(() => execFileSync(process.execPath, ['--input-type=module', '-e', program])).toThrow('SIGKILL')
  const { open } = opened()
  const segments = await open()
  expect((await names()).filter((name) => name.endsWith('.new'))).toEqual([])
  expect((await readAll(segments)).equals(bytes)).toBe(true)
})

test('a full disk while compressing: the segment stays raw, and is compressed when there is room', async () => {
  const { state, open } = opened()
  const segments = await open()
  const bytes = output(2_100_000)
  // Every write to it is answered with ENOSPC.
  await symlink('/dev/full', join(folder, `${PACKED}.new`))
  await append(segments, bytes.subarray(0, 750_000))
  await until('it has failed', async () => (state.failures === 1 ? true : null))
  expect(await kinds()).toEqual(['raw', 'raw'])
  expect(state.onDisk).toBe(0)
  expect((await readAll(segments)).equals(bytes.subarray(0, 750_000))).toBe(true)
  await append(segments, bytes.subarray(750_000))
  await packed(2)
  expect((await readAll(segments)).equals(bytes)).toBe(true)
  await expect.poll(async () => bytes.length + state.onDisk - (await diskBytes())).toBe(0)
})

test('closing stops in the middle, and nothing half-done is left', async () => {
  const { packing, open } = opened()
  const segments = await open()
  const bytes = output(2_800_000)
  await append(segments, bytes)
  await packing.close()
  await segments.close()
  expect(await kinds()).not.toContain('zst.new')
  expect((await readAll(await open())).equals(bytes)).toBe(true)
})
