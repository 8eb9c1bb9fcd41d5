import { createRateLimiter } from '../../flow/rate-limiter.ts'

/** How fast one sandbox's terminals are recorded. */
export interface PaceLimits {
  /** At once: more than the longest logs of builds and tests. */
  burstBytes: number
  /** And from then on. Fills the quota in hours, even with what cannot be compressed. */
  bytesPerSecond: number
  /** The same for what people wait for after a key. */
  typedBurstBytes: number
  typedBytesPerSecond: number
  /** What one key lets through: more than can be on its way (STREAM_WINDOW_BYTES, and what the porter holds unreleased). */
  graceBytes: number
}
export const USUAL_PACE: PaceLimits = {
  burstBytes: 67_108_864,
  bytesPerSecond: 49_152,
  typedBurstBytes: 16_777_216,
  typedBytesPerSecond: 16_384,
  graceBytes: 2_097_152,
}

/**
 * One sandbox's pace, shared by its terminals. A flood is slowed and not ended: the recorder takes less, so the porter
 * reads less, so the program waits. Two buckets, because a flood has emptied the first one when somebody presses Ctrl-C,
 * and what is on its way then comes before the prompt: a key lets that through at once, from a bucket of its own, so that
 * keys (or a program that makes xterm.js answer) do not get around the pace either.
 */
export function createPace(limits: PaceLimits = USUAL_PACE, now?: () => number) {
  const flow = createRateLimiter({ burst: limits.burstBytes, perSecond: limits.bytesPerSecond }, now)
  const typed = createRateLimiter({ burst: limits.typedBurstBytes, perSecond: limits.typedBytesPerSecond }, now)
  return {
    /** One terminal's part. */
    terminal() {
      let grace = 0
      return {
        /** Somebody has pressed a key, and wants to see what it did. */
        typed() {
          grace = limits.graceBytes
        },
        /** Takes so many, if they may be recorded at once. */
        pass(bytes: number): boolean {
          if (flow.take(bytes)) return true
          if (bytes > grace || !typed.take(bytes)) return false
          grace -= bytes
          return true
        },
        /** Takes so many and says how long to wait, in ms. Small pieces, and the terminals of one sandbox take turns. */
        reserve: flow.reserve,
      }
    },
  }
}
export type Pace = ReturnType<typeof createPace>
export type TerminalPace = ReturnType<Pace['terminal']>
