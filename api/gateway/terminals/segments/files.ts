import { type FileHandle, open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { FOOTER_BYTES, type Frame, framesOf, seekTableBytes, unpackFrame } from './frames.ts'

export interface Segment {
  /** Offset of its first byte. */
  start: number
  length: number
  packed: boolean
}

const NAME = /^(\d{16})\.(raw|zst|zst\.new)$/
const named = (start: number) => String(start).padStart(16, '0')
export const rawPath = (directory: string, start: number) => join(directory, `${named(start)}.raw`)
export const packedPath = (directory: string, start: number) => join(directory, `${named(start)}.zst`)

/** The bytes of one segment, whichever way they are kept. One read at a time. */
export interface SegmentFile {
  /** Up to `limit` bytes, at least one before the end. */
  read(position: number, limit: number): Promise<Buffer>
  close(): Promise<void>
}

export async function openRaw(path: string): Promise<SegmentFile> {
  const file = await open(path, 'r')
  return {
    async read(position, limit) {
      const buffer = Buffer.allocUnsafe(limit)
      const { bytesRead } = await file.read(buffer, 0, limit, position)
      return buffer.subarray(0, bytesRead)
    },
    close: () => file.close(),
  }
}

/** Rejects when the file is no complete compressed segment. Holds one frame at most. */
export async function openPacked(path: string): Promise<SegmentFile & { length: number }> {
  const file = await open(path, 'r')
  try {
    const frames = await framesIn(file)
    let held: { frame: Frame; bytes: Buffer } | null = null
    return {
      length: frames.reduce((sum, { length }) => sum + length, 0),
      async read(position, limit) {
        const frame = frames.find(({ start, length }) => position < start + length)
        if (!frame) return Buffer.alloc(0)
        if (held?.frame !== frame) {
          held = null
          const packed = await exactly(file, frame.position, frame.packedBytes)
          held = { frame, bytes: await unpackFrame(packed, frame.length) }
        }
        const within = position - frame.start
        const bytes = held.bytes.subarray(within, within + limit)
        // Readers go forward: the frame is not needed any more.
        if (within + bytes.length === frame.length) held = null
        return bytes
      },
      close: () => file.close(),
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

async function framesIn(file: FileHandle): Promise<Frame[]> {
  const { size } = await file.stat()
  const tableBytes = seekTableBytes(await exactly(file, Math.max(0, size - FOOTER_BYTES), FOOTER_BYTES))
  return framesOf(await exactly(file, Math.max(0, size - tableBytes), tableBytes), size)
}

export async function exactly(file: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(bytes)
  let filled = 0
  while (filled < bytes) {
    const { bytesRead } = await file.read(buffer, filled, bytes - filled, position + filled)
    if (bytesRead === 0) throw new Error('A segment of a recording is shorter than it was.')
    filled += bytesRead
  }
  return buffer
}

/**
 * The segments of a directory, in order, and what a crash left is put right (compress.ts tells what that can be):
 * a half-written `.new` goes. Where both are, the raw one goes, unless the other is damaged or holds less: the compressed
 * one was on the disk before it got its name, the raw one may have lost its end to a power failure. A compressed file that is damaged and alone stays where it is, as a hole: no program can tell what was in it.
 */
export async function findSegments(directory: string): Promise<Segment[]> {
  const raw = new Set<number>()
  const packed = new Set<number>()
  for (const name of await readdir(directory)) {
    const [, start, kind] = NAME.exec(name) ?? []
    if (kind === 'zst.new') await rm(join(directory, name), { force: true })
    else if (kind !== undefined) (kind === 'raw' ? raw : packed).add(Number(start))
  }
  const segments: Segment[] = []
  for (const start of new Set([...raw, ...packed])) {
    const rawBytes = raw.has(start) ? (await stat(rawPath(directory, start))).size : null
    const packedBytes = packed.has(start) ? await packedLength(packedPath(directory, start)) : null
    if (packedBytes !== null && packedBytes >= (rawBytes ?? 0)) {
      if (rawBytes !== null) await rm(rawPath(directory, start), { force: true })
      segments.push({ start, length: packedBytes, packed: true })
    } else if (rawBytes !== null) {
      if (packed.has(start)) await rm(packedPath(directory, start), { force: true })
      segments.push({ start, length: rawBytes, packed: false })
    }
  }
  return segments.sort((one, other) => one.start - other.start)
}

async function packedLength(path: string): Promise<number | null> {
  const file = await openPacked(path).catch(() => null)
  await file?.close()
  return file?.length ?? null
}
