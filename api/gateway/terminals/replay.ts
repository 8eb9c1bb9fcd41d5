import type { SegmentReader } from './segments/reader.ts'

/** What somebody who comes back gets to see again, in bytes. */
const REPLAY_BYTES = 1_048_576
const LOOK_BYTES = 65_536
const LINE_FEED = 0x0a
const ESCAPE = 0x1b

/**
 * Where a replay without a given offset begins: at the start, or about 1 MiB back, after a line's end, so that no escape
 * sequence and no character (RFC 3629) is cut in two. A screen without lines is entered before an escape sequence.
 */
export async function replayStart(reader: SegmentReader, oldest: number, end: number): Promise<number> {
  if (end - oldest <= REPLAY_BYTES) return oldest
  const { offset, bytes } = await reader.read(end - REPLAY_BYTES, LOOK_BYTES)
  const line = bytes.indexOf(LINE_FEED)
  if (line >= 0) return offset + line + 1
  const sequence = bytes.indexOf(ESCAPE)
  return sequence >= 0 ? offset + sequence : offset
}
