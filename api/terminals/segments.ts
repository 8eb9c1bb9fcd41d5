import fs from 'node:fs'
import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const SEGMENT_BYTES = 16_777_216
/** A screen's worth. Larger ones are written by a thread, so that one sandbox's flood does not hold up the others. */
const SMALL_WRITE_BYTES = 4096
const NAME = /^(\d{16})\.raw$/
const nameOf = (start: number) => `${String(start).padStart(16, '0')}.raw`

const open = promisify(fs.open)
const closeFile = promisify(fs.close)
const readAt = promisify<number, Buffer, number, number, number, { bytesRead: number }>(
  (fd, buffer, offset, length, position, done) =>
    fs.read(fd, buffer, offset, length, position, (error, bytesRead) => done(error, { bytesRead })),
)

interface Segment {
  start: number
  length: number
}

/**
 * One terminal's output on disk: raw bytes in files of 16 MiB, named after the offset of their first byte. A hole between
 * two files stands for bytes that the machine's crash took. Written to the page cache, without fsync: a crash of the gateway
 * loses nothing, a power failure the last seconds (law 2 is kept by the audit events, which are committed).
 */
export async function openSegments(directory: string) {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const segments: Segment[] = []
  for (const name of (await readdir(directory)).sort()) {
    const start = NAME.exec(name)?.[1]
    if (start !== undefined) {
      segments.push({ start: Number(start), length: (await stat(join(directory, name))).size })
    }
  }
  let writing: { fd: number; segment: Segment } | null = null

  const end = () => {
    const last = segments.at(-1)
    return last ? last.start + last.length : 0
  }

  async function segmentFor(offset: number) {
    const last = segments.at(-1)
    if (writing && last === writing.segment && offset === end() && last.length < SEGMENT_BYTES) return writing
    if (writing) await closeFile(writing.fd)
    writing = null
    const fits = last && offset === end() && last.length < SEGMENT_BYTES
    const segment = fits ? last : { start: offset, length: 0 }
    // Position is given with each write; `a` would ignore it.
    const fd = await open(join(directory, nameOf(segment.start)), fs.constants.O_WRONLY | fs.constants.O_CREAT, 0o600)
    if (segment !== last) segments.push(segment)
    writing = { fd, segment }
    return writing
  }

  return {
    /** One past the last recorded byte. */
    end,
    oldest: () => segments[0]?.start ?? 0,
    bytes: () => segments.reduce((sum, { length }) => sum + length, 0),

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

    /** A reader of its own for each viewer: they are at different places. */
    reader() {
      let file: { fd: number; segment: Segment } | null = null
      const leave = async () => {
        const left = file
        file = null
        if (left) await closeFile(left.fd)
      }
      return {
        /** Up to `limit` bytes from `offset` on, and where they begin: later than asked for when there is a hole. */
        async read(offset: number, limit: number): Promise<{ offset: number; bytes: Buffer }> {
          const segment = segments.find(({ start, length }) => offset < start + length)
          if (!segment) return { offset, bytes: Buffer.alloc(0) }
          if (file?.segment !== segment) await leave()
          file ??= { fd: await open(join(directory, nameOf(segment.start)), fs.constants.O_RDONLY, 0), segment }
          const from = Math.max(offset, segment.start)
          const buffer = Buffer.allocUnsafe(Math.min(limit, segment.start + segment.length - from))
          const { bytesRead } = await readAt(file.fd, buffer, 0, buffer.length, from - segment.start)
          return { offset: from, bytes: buffer.subarray(0, bytesRead) }
        },
        close: leave,
      }
    },

    async close() {
      const left = writing
      writing = null
      if (left) await closeFile(left.fd)
    },
  }
}
export type Segments = Awaited<ReturnType<typeof openSegments>>
export type SegmentReader = ReturnType<Segments['reader']>

function writev(fd: number, chunks: Buffer[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.writev(fd, chunks, position, (error, count) => (error ? reject(error) : resolve(count)))
  })
}
