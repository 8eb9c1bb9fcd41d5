import type { Writable } from 'node:stream'
import { createRetained } from './retained.ts'

/** What is being read: the master side of a PTY, or a pipe of a child. */
export type Source = { pause(): void; resume(): void }

type Reader = { stream: Writable; sent: number; blocked: boolean }

/**
 * Output with one reader. While nobody reads, or while more than `unreleasedBytes` wait to be released, the source is
 * not read, and the kernel stops the program that writes: memory is bounded, and nothing is lost while the gateway is away.
 *
 * Terminals are released by the gateway when it has recorded the bytes. With `keepBytes` (the pipes of held processes)
 * what was sent is kept for that long instead, for the next reader.
 *
 * Longer than 60 lines because it is one back-pressure loop: every verb ends in `pump` or `regulate`.
 */
export function createHeld(source: Source, { unreleasedBytes = 1_048_576, keepBytes = -1 } = {}) {
  const retained = createRetained()
  let reader: Reader | null = null
  let ended = false

  function regulate() {
    if (ended) return
    if (reader !== null && retained.end - retained.oldest <= unreleasedBytes) source.resume()
    else source.pause()
  }

  function pump() {
    while (reader !== null && !reader.blocked && reader.sent < retained.end) {
      const part = retained.at(reader.sent)
      reader.sent += part.length
      reader.blocked = !reader.stream.write(part)
    }
    if (reader !== null && keepBytes >= 0) retained.release(reader.sent - keepBytes)
    if (reader !== null && ended && reader.sent === retained.end) reader.stream.end()
    regulate()
  }

  return {
    get offset() {
      return retained.end
    },
    get oldest() {
      return retained.oldest
    },
    get paused() {
      return reader === null
    },

    append(bytes: Buffer) {
      retained.append(bytes)
      pump()
    },

    /** No more will come. The reader still gets what is kept. */
    end() {
      ended = true
      pump()
    },

    /** Where a reader that asks for `offset` begins: nothing older than `oldest` is left. */
    startOf(offset: number) {
      return Math.min(Math.max(offset, retained.oldest), retained.end)
    },

    /** Takes the place of an earlier reader, whose stream is ended. */
    read(stream: Writable, offset: number) {
      reader?.stream.end()
      const mine: Reader = { stream, sent: offset, blocked: false }
      reader = mine
      stream.on('drain', () => {
        mine.blocked = false
        if (reader === mine) pump()
      })
      stream.on('close', () => {
        if (reader !== mine) return
        reader = null
        regulate()
      })
      pump()
    },

    release(offset: number) {
      retained.release(offset)
      regulate()
    },
  }
}
export type Held = ReturnType<typeof createHeld>
