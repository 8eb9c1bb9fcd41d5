import { createKeyedQueue } from '../../../flow/keyed-queue.ts'
import { openPacked, openRaw, packedPath, rawPath, type Segment, type SegmentFile } from './files.ts'

/** Reads by offset, over the borders of segments. Each viewer has its own: they are at different places. */
export function createReader(directory: string, segments: readonly Segment[]) {
  let held: { file: SegmentFile; segment: Segment; packed: boolean } | null = null
  /** A file that is closed under a read gives that read another file's bytes. */
  const queue = createKeyedQueue<'file'>()

  async function leave() {
    const left = held
    held = null
    await left?.file.close()
  }

  async function fileOf(segment: Segment): Promise<SegmentFile> {
    const { packed } = segment
    if (held?.segment === segment && held.packed === packed) return held.file
    await leave()
    try {
      const file = await (packed
        ? openPacked(packedPath(directory, segment.start))
        : openRaw(rawPath(directory, segment.start)))
      held = { file, segment, packed }
      return file
    } catch (error) {
      // It was compressed, and the raw file removed, between the look and the opening.
      if (packed !== segment.packed) return fileOf(segment)
      throw error
    }
  }

  const holds = (segment: Segment, offset: number) => offset >= segment.start && offset < segment.start + segment.length

  return {
    /** Up to `limit` bytes from `offset` on, and where they begin: later than asked for when there is a hole. */
    read: (offset: number, limit: number) =>
      queue.run('file', async (): Promise<{ offset: number; bytes: Buffer }> => {
        const segment =
          held && holds(held.segment, offset)
            ? held.segment
            : segments.find(({ start, length }) => offset < start + length)
        if (!segment) return { offset, bytes: Buffer.alloc(0) }
        const from = Math.max(offset, segment.start)
        const file = await fileOf(segment)
        const bytes = await file.read(from - segment.start, Math.min(limit, segment.start + segment.length - from))
        return { offset: from, bytes }
      }),
    close: () => queue.run('file', leave),
  }
}
export type SegmentReader = ReturnType<typeof createReader>
