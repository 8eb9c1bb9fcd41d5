import fs from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import { findSegments, rawPath, type Segment } from './files.ts'
import { createReader } from './reader.ts'

const SEGMENT_BYTES = 16_777_216
/** A screen's worth. Larger ones are written by a thread, so that one sandbox's flood does not hold up the others. */
const SMALL_WRITE_BYTES = 4096

const open = promisify(fs.open)
const closeFile = promisify(fs.close)

export interface SegmentsOptions {
  segmentBytes?: number
  /** Nobody writes this one any more: it may be compressed. */
  onClosed(segment: Segment): void
}

/**
 * One terminal's output on disk, in files of 16 MiB, named after the offset of their first byte: raw while they are written,
 * compressed (frames.ts) some time after. A hole between two files stands for bytes that the machine's crash took. Written
 * to the page cache, without fsync: a crash of the gateway loses nothing, a power failure the last seconds (law 2 is kept
 * by the audit events, which are committed).
 */
export async function openSegments(directory: string, { segmentBytes = SEGMENT_BYTES, onClosed }: SegmentsOptions) {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const segments = await findSegments(directory)
  let writing: { fd: number; segment: Segment } | null = null
  let sealed = false

  const end = () => {
    const last = segments.at(-1)
    return last ? last.start + last.length : 0
  }

  async function stopWriting() {
    const left = writing
    writing = null
    if (left) await closeFile(left.fd)
  }

  async function segmentFor(offset: number) {
    const last = segments.at(-1)
    const fits = last && !last.packed && !sealed && offset === end() && last.length < segmentBytes
    if (writing && fits && last === writing.segment) return writing
    await stopWriting()
    const segment = fits ? last : { start: offset, length: 0, packed: false }
    // Position is given with each write; `a` would ignore it.
    const fd = await open(rawPath(directory, segment.start), fs.constants.O_WRONLY | fs.constants.O_CREAT, 0o600)
    writing = { fd, segment }
    if (segment === last) return writing
    segments.push(segment)
    if (last) onClosed(last)
    return writing
  }

  /** Says again what is closed: after a start nobody else does. */
  function offer() {
    for (const segment of sealed ? segments : segments.slice(0, -1)) onClosed(segment)
  }

  return {
    /** One past the last recorded byte. */
    end,
    oldest: () => segments[0]?.start ?? 0,

    /** Appends at `offset` (≥ end). Resolves when another process would read the bytes. Rejects with the file system's error. */
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

    reader: () => createReader(directory, segments),

    offer,

    /** No more will come: the last one is closed too. */
    async seal() {
      await stopWriting()
      sealed = true
      offer()
    },

    close: stopWriting,
  }
}
export type Segments = Awaited<ReturnType<typeof openSegments>>

function writev(fd: number, chunks: Buffer[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.writev(fd, chunks, position, (error, count) => (error ? reject(error) : resolve(count)))
  })
}
