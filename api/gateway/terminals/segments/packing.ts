import { rm } from 'node:fs/promises'
import type { KeyedQueue } from '../../../flow/keyed-queue.ts'
import { compress } from './compress.ts'
import { packedPath, rawPath, type Segment } from './files.ts'

/** Smaller ones are a few blocks of the disk in any case. */
const WORTH_BYTES = 65_536

export interface PackingDeps {
  /** One for the whole gateway: a sandbox gets one thread, and a place in the queue. */
  compression: KeyedQueue<'compress'>
  /** How many bytes more (or fewer) are on the disk now. */
  onDisk(bytes: number): void
  /** The segment stays as it is, readable; it is tried again with the next one. */
  onFailed(error: unknown): void
}

/** Compresses one sandbox's closed segments, one at a time. */
export function createPacking({ compression, onDisk, onFailed }: PackingDeps) {
  const waiting = new Map<Segment, string>()
  const failed = new Map<Segment, string>()
  const stopping = new AbortController()
  let scheduled = false
  let active: Promise<void> | null = null

  function schedule() {
    if (scheduled || waiting.size === 0 || stopping.signal.aborted) return
    scheduled = true
    void compression.run('compress', async () => {
      active = next()
      await active
      active = null
      scheduled = false
      schedule()
    })
  }

  async function next() {
    const [first] = waiting
    if (!first || stopping.signal.aborted) return
    const [segment, directory] = first
    waiting.delete(segment)
    try {
      const raw = rawPath(directory, segment.start)
      const packed = packedPath(directory, segment.start)
      onDisk(await compress({ raw, packed, length: segment.length }, stopping.signal))
      // Before the raw file goes: a reader that does not find it looks at this.
      segment.packed = true
      await rm(raw)
      onDisk(-segment.length)
    } catch (error) {
      if (stopping.signal.aborted) return
      if (!segment.packed) failed.set(segment, directory)
      onFailed(error)
    }
  }

  return {
    /** To be called with segments that nobody writes any more. */
    add(directory: string, segment: Segment) {
      if (segment.packed || segment.length < WORTH_BYTES) return
      for (const [again, place] of failed) waiting.set(again, place)
      failed.clear()
      waiting.set(segment, directory)
      schedule()
    },
    /** Leaves what has not been done as it is. */
    async close() {
      stopping.abort()
      await active
    },
  }
}
