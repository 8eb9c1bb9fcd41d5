import type { Readable, Writable } from 'node:stream'

const CHUNK_BYTES = 64 * 1024

/**
 * What one owner of many streams moves in one turn of the event loop. libuv reads up to 32 chunks from each socket that has some, so fifty
 * fast tunnels would hold a turn for 100 MB, and everybody else with it. Past its share a source waits for its next turn.
 */
export function createFairShare(bytesPerTurn = 8 * CHUNK_BYTES) {
  const waiting: [Readable, Writable][] = []
  const turn = { spent: 0, scheduled: false }

  function plan() {
    if (turn.scheduled) return
    turn.scheduled = true
    setImmediate(next)
  }
  function next() {
    turn.scheduled = false
    turn.spent = 0
    // A sink that is full resumes its source itself, when it has drained.
    for (const [source, sink] of waiting.splice(0, bytesPerTurn / CHUNK_BYTES))
      if (!sink.writableNeedDrain) source.resume()
    if (waiting.length > 0) plan()
  }

  /** To be called beside `source.pipe(sink)`. */
  return function schedule(source: Readable, sink: Writable): void {
    source.on('data', (chunk: Uint8Array) => {
      turn.spent += chunk.length
      plan()
      if (turn.spent <= bytesPerTurn) return
      source.pause()
      waiting.push([source, sink])
    })
  }
}
export type FairShare = ReturnType<typeof createFairShare>
