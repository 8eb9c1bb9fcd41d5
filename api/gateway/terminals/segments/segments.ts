import { mkdir } from 'node:fs/promises'
import { findSegments } from './files.ts'
import { createReader } from './reader.ts'
import { createSegmentWriter, type SegmentWriterDeps } from './writer.ts'

export type SegmentsOptions = Pick<SegmentWriterDeps, 'segmentBytes' | 'onClosed'>

/**
 * One terminal's output on disk, in files of 16 MiB, named after the offset of their first byte: raw while they are written,
 * compressed (frames.ts) some time after. A hole between two files stands for bytes that the machine's crash took. Written
 * to the page cache, without fsync: a crash of the gateway loses nothing, a power failure the last seconds (law 2 is kept
 * by the audit events, which are committed).
 */
export async function openSegments(directory: string, { segmentBytes, onClosed }: SegmentsOptions) {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const segments = await findSegments(directory)
  const writer = createSegmentWriter({ directory, segments, segmentBytes, onClosed })

  /** Says again which are closed: after a start nobody else does. */
  function offer() {
    for (const segment of writer.isSealed() ? segments : segments.slice(0, -1)) onClosed(segment)
  }

  return {
    /** One past the last recorded byte. */
    end() {
      const last = segments.at(-1)
      return last ? last.start + last.length : 0
    },
    oldest: () => segments[0]?.start ?? 0,
    append: writer.append,
    reader: () => createReader(directory, segments),
    offer,
    /** No more will come: the last one is closed too. */
    async seal() {
      await writer.seal()
      offer()
    },
    close: writer.close,
  }
}
export type Segments = Awaited<ReturnType<typeof openSegments>>
