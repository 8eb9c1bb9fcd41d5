import { Duplex } from 'node:stream'
import type { SegmentReader } from './segments/reader.ts'

const READ_BYTES = 65_536

export interface ViewerSource {
  /** One past the last recorded byte. */
  recorded(): number
  reader: SegmentReader
  /** True when no more will come after what is recorded. */
  ended(): boolean
  /** Takes input. `done` when there is room for more. */
  input(bytes: Buffer, done: () => void): void
  onClose(): void
}

/**
 * One viewer: reads from `offset` on, first from the recording, then live, and writes input. One that does not keep up is
 * given nothing more until it reads again, and then it reads from the recording: it holds up nobody, and what waits for it
 * is at most one piece.
 */
export function createViewer(source: ViewerSource, from: number) {
  let position = from
  let wanted = false
  let reading = false

  const stream = new Duplex({
    allowHalfOpen: false,
    read() {
      wanted = true
      fill()
    },
    write(bytes: Buffer, _encoding, done) {
      source.input(bytes, done)
    },
    destroy(error, done) {
      source.onClose()
      source.reader.close().then(() => done(error), done)
    },
  })
  // A pipe has its own listener; without this one an error of a viewer without a pipe would end the gateway.
  stream.on('error', () => {})

  function fill() {
    if (!wanted || reading || stream.destroyed) return
    if (position >= source.recorded()) {
      if (source.ended()) stream.push(null)
      return
    }
    reading = true
    source.reader.read(position, Math.min(READ_BYTES, source.recorded() - position)).then(
      ({ offset, bytes }) => {
        reading = false
        position = offset + bytes.length
        wanted = stream.push(bytes)
        fill()
      },
      (error) => stream.destroy(error),
    )
  }

  return {
    stream,
    /** These bytes have just been recorded at `offset`. One that is up to date gets them without a detour to the disk. */
    live(offset: number, bytes: Buffer) {
      if (wanted && !reading && position === offset && !stream.destroyed) {
        position += bytes.length
        wanted = stream.push(bytes)
      } else fill()
    },
    /** No more will come. */
    end: fill,
  }
}
export type Viewer = ReturnType<typeof createViewer>
