import type { Readable, Writable } from 'node:stream'

/** What one sandbox may take of the gateway. Times in ms. */
export interface EgressLimits {
  /** Client connections at once; and requests and tunnels under way, which may outlive their client. */
  connections: number
  /** Request line and header fields of one request together; beyond it 431. */
  headerBytes: number
  /** From the first moment of a connection to the end of its first request's header. */
  headerMs: number
  /** Between two requests of one connection. */
  keepAliveMs: number
  /** Without a byte in either direction. An agent may wait long for an answer. */
  idleMs: number
  /** The longest that one request or tunnel may last. */
  absoluteMs: number
  /** Requests and tunnels a second, over time and at once; faster ones wait, they are not refused. */
  requestsPerSecond: number
  requestBurst: number
  /** Refusals a second, over time and at once: each is written down, and the log and its disk are everybody's. */
  refusalsPerSecond: number
  refusalBurst: number
  /** The longest ClientHello, and how long a client may take to send it. Real ones stay under 4 kB. */
  helloBytes: number
  helloMs: number
  /** Names that are looked up at once, and how long a request waits for its answer. */
  lookups: number
  lookupMs: number
  /** For all addresses of a host together. */
  dialMs: number
}

export const DEFAULT_LIMITS: EgressLimits = {
  connections: 256,
  headerBytes: 32 * 1024,
  headerMs: 15_000,
  keepAliveMs: 75_000,
  idleMs: 60 * 60_000,
  absoluteMs: 24 * 60 * 60_000,
  requestsPerSecond: 2000,
  requestBurst: 4000,
  refusalsPerSecond: 100,
  refusalBurst: 1000,
  helloBytes: 32 * 1024,
  helloMs: 10_000,
  lookups: 8,
  lookupMs: 5000,
  dialMs: 10_000,
}

/**
 * A token bucket that delays. Waiting keeps what a sandbox can queue bounded by its connections, and the audit log from
 * being filled with refusals.
 */
export function createPace(perSecond: number, burst: number, clock: () => number = performance.now.bind(performance)) {
  let tokens = burst
  let filledAt = clock()
  return async function pace(): Promise<void> {
    const now = clock()
    tokens = Math.min(burst, tokens + ((now - filledAt) / 1000) * perSecond) - 1
    filledAt = now
    if (tokens >= 0) return
    const waitMs = (-tokens / perSecond) * 1000
    await new Promise<void>((done) => setTimeout(done, waitMs).unref())
  }
}

const CHUNK_BYTES = 64 * 1024

/**
 * What one sandbox moves in one turn of the event loop. libuv reads up to 32 chunks from each socket that has some, so fifty
 * fast tunnels would hold a turn for 100 MB, and every other sandbox with it. Past its share a source waits for its next turn.
 */
export function createShare(bytesPerTurn = 8 * CHUNK_BYTES) {
  const waiting: [Readable, Writable][] = []
  const turn = { spent: 0, scheduled: false }

  function schedule() {
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
    if (waiting.length > 0) schedule()
  }

  /** To be called beside `source.pipe(sink)`. */
  return function share(source: Readable, sink: Writable): void {
    source.on('data', (chunk: Uint8Array) => {
      turn.spent += chunk.length
      schedule()
      if (turn.spent <= bytesPerTurn) return
      source.pause()
      waiting.push([source, sink])
    })
  }
}
export type Share = ReturnType<typeof createShare>
