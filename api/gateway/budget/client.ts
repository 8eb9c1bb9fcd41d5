import type { Duplex, Writable } from 'node:stream'
import type { RateLimiter } from '../../flow/rate-limiter.ts'

/** Whoever waits for an answer, and may leave. */
export interface Client {
  isGone(): boolean
  /** Calls it once, when the client leaves; returns how to stop listening. */
  onGone(listener: () => void): () => void
}

/** For a stream that something reads: its end shows as `close`. */
export const clientOf = (stream: Duplex | Writable): Client => ({
  isGone: () => stream.destroyed,
  onGone(listener) {
    stream.once('close', listener)
    return () => void stream.off('close', listener)
  },
})

/**
 * For a connection that nobody reads yet. Its end shows only when it is looked for (a listener of `readable` consumes nothing),
 * and behind bytes that were sent ahead not at all: such a client waits to the end of its time.
 */
export const clientOfUnread = (socket: Duplex): Client => ({
  isGone: () => socket.destroyed || socket.readableEnded,
  onGone(listener) {
    const look = () => undefined
    const events = ['end', 'close'] as const
    for (const event of events) socket.once(event, listener)
    socket.on('readable', look)
    return () => {
      for (const event of events) socket.off(event, listener)
      socket.off('readable', look)
    }
  },
})

/** True: the time is over and the client still there. False: it left, and at once nothing is kept for it. */
export function pause(ms: number, client: Client): Promise<boolean> {
  if (client.isGone()) return Promise.resolve(false)
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => finish(true), ms)
  const stop = client.onGone(() => finish(false))
  function finish(stayed: boolean) {
    clearTimeout(timer)
    stop()
    resolve(stayed)
  }
  return promise
}

/** Waits for its turn, at most `mostMs`. A client that leaves keeps its turn taken: to hang up and ask again is no faster. */
export function pace(limiter: Pick<RateLimiter, 'reserveWithin'>, mostMs: number, client: Client): Promise<boolean> {
  const waitMs = limiter.reserveWithin(mostMs) ?? mostMs
  return waitMs === 0 ? Promise.resolve(true) : pause(waitMs, client)
}
