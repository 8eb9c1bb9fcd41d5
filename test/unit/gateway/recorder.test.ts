import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { type RecorderDeps, record } from '../../../api/gateway/terminals/recorder.ts'
import { until } from '../../support/until.ts'

/** A recording in memory, whose disk refuses the pieces of these numbers. */
function recording(refused: number[], atOnce = true) {
  const written: { offset: number; text: string }[] = []
  const seen: string[] = []
  const released: number[] = []
  const stream = new PassThrough()
  const tries = { count: 0 }
  const deps: RecorderDeps = {
    segments: {
      end: () => 0,
      oldest: () => 0,
      async append(offset, chunks) {
        tries.count += 1
        if (refused.includes(tries.count)) throw new Error('ENOSPC')
        written.push({ offset, text: Buffer.concat(chunks).toString() })
      },
      reader: () => ({ read: async () => ({ offset: 0, bytes: Buffer.alloc(0) }), close: async () => {} }),
      offer() {},
      seal: async () => {},
      close: async () => {},
    },
    open: async () => ({ offset: 0, stream }),
    release: (offset) => released.push(offset),
    room: () => 1000,
    onUsed() {},
    hasDiskFor: () => true,
    onRecorded: (_offset, bytes) => seen.push(bytes.toString()),
    limiter: { take: () => atOnce, reserve: () => 1 },
  }
  return { deps, stream, written, seen, released }
}

test('what was recorded before the end is released, and the end is told', async () => {
  const { deps, stream, written, released } = recording([])
  const over = record(deps, new AbortController().signal)
  stream.write('one')
  stream.end('two')
  expect(await over).toBe('ended')
  expect(written.map(({ text }) => text).join('')).toBe('onetwo')
  expect(released).toEqual([6])
})

test('after a piece that the disk refused nothing is written, though the stream has ended', async () => {
  const { deps, stream, written, seen } = recording([2], false)
  const over = record(deps, new AbortController().signal)
  for (const piece of ['one', 'two', 'three']) stream.write(piece)
  stream.end()
  await over
  expect(written).toEqual([{ offset: 0, text: 'one' }])
  expect(seen).toEqual(['one'])
})

test('nobody sees a byte that the disk refused, and the recording has failed', async () => {
  const { deps, stream, seen } = recording([1])
  const over = record(deps, new AbortController().signal)
  stream.write('one')
  expect(await over).toBe('failed')
  expect(seen).toEqual([])
})

test('while the disk has no room what has come waits, and is recorded when it has; a stop does not wait for that', async () => {
  const disk = { hasRoom: false, asked: 0 }
  const waiting = () => {
    const { deps, ...rest } = recording([])
    const hasDiskFor = () => {
      disk.asked += 1
      return disk.hasRoom
    }
    return { ...rest, deps: { ...deps, hasDiskFor } }
  }
  const one = waiting()
  const over = record(one.deps, new AbortController().signal)
  one.stream.end('late')
  const stopped = waiting()
  const abort = new AbortController()
  const cut = record(stopped.deps, abort.signal)
  stopped.stream.write('never')
  await until('both have asked', () => disk.asked >= 2 || null)
  expect([one.written, stopped.written]).toEqual([[], []])
  abort.abort()
  expect(await cut).toBe('broken')
  disk.hasRoom = true
  expect(await over).toBe('ended')
  expect(one.written).toEqual([{ offset: 0, text: 'late' }])
  expect(stopped.written).toEqual([])
})
