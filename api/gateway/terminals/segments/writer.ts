import fs from 'node:fs'
import { promisify } from 'node:util'
import { rawPath, type Segment } from './files.ts'

const SEGMENT_BYTES = 16_777_216
/** A screen's worth. Larger ones are written by a thread, so that one sandbox's flood does not hold up the others. */
const SMALL_WRITE_BYTES = 4096

const open = promisify(fs.open)
const closeFile = promisify(fs.close)

export interface SegmentWriterDeps {
  directory: string
  /** In order; the writer adds those that it begins. */
  segments: Segment[]
  segmentBytes?: number | undefined
  /** Nobody writes this one any more: it may be compressed. */
  onClosed(segment: Segment): void
}

/** Appends one terminal's output to its newest segment, and begins another when that one is full or not to be touched. */
export function createSegmentWriter({
  directory,
  segments,
  segmentBytes = SEGMENT_BYTES,
  onClosed,
}: SegmentWriterDeps) {
  const state: { open: { fd: number; segment: Segment } | null; sealed: boolean } = { open: null, sealed: false }

  async function close() {
    const left = state.open
    state.open = null
    if (left) await closeFile(left.fd)
  }

  async function segmentFor(offset: number) {
    const last = segments.at(-1)
    const continues = last && !last.packed && !state.sealed && offset === last.start + last.length
    const fits = continues && last.length < segmentBytes
    if (state.open && fits && last === state.open.segment) return state.open
    await close()
    const segment = fits ? last : { start: offset, length: 0, packed: false }
    // Position is given with each write; `a` would ignore it.
    const fd = await open(rawPath(directory, segment.start), fs.constants.O_WRONLY | fs.constants.O_CREAT, 0o600)
    const opened = { fd, segment }
    state.open = opened
    if (segment === last) return opened
    segments.push(segment)
    if (last) onClosed(last)
    return opened
  }

  return {
    isSealed: () => state.sealed,

    /** Appends at `offset` (≥ the end). Resolves when another process would read the bytes. Rejects with the file system's error. */
    async append(offset: number, chunks: Buffer[]): Promise<void> {
      const { fd, segment } = await segmentFor(offset)
      const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
      // A thread's round trip costs more than such a write itself, and it would stand in the way of every keystroke's echo.
      if (total <= SMALL_WRITE_BYTES && fs.writevSync(fd, chunks, segment.length) === total) {
        segment.length += total
        return
      }
      let written = 0
      let rest = chunks
      while (written < total) {
        const count = await writev(fd, rest, segment.length)
        written += count
        segment.length += count
        rest = written < total ? [Buffer.concat(chunks).subarray(written)] : []
      }
    },

    /** No more will come. */
    async seal() {
      await close()
      state.sealed = true
    },

    close,
  }
}

function writev(fd: number, chunks: Buffer[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.writev(fd, chunks, position, (error, count) => (error ? reject(error) : resolve(count)))
  })
}
