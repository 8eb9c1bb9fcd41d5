/** Segments on a real disk: what is read back is what was written, however it is kept. */
import { readdir, readFile, readlink, symlink } from 'node:fs/promises'
import { zstdDecompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { until } from '../../../../support/until.ts'
import { append, output, PACKED, RAW, readAll, segmentsFolder } from './world.ts'

const { at, opened, names, kinds, packed, diskBytes } = segmentsFolder()

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
  expect(zstdDecompressSync(await readFile(at(PACKED))).equals(bytes)).toBe(true)
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
    return links.filter((link) => link.startsWith(at(''))).length
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

test('a full disk while compressing: the segment stays raw, and is compressed when there is room', async () => {
  const { state, open } = opened()
  const segments = await open()
  const bytes = output(2_100_000)
  // Every write to it is answered with ENOSPC.
  await symlink('/dev/full', at(`${PACKED}.new`))
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
