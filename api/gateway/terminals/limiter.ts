import { createRateLimiter } from '../../flow/rate-limiter.ts'

/** How fast one sandbox's terminals are recorded. */
export interface RecordingRates {
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
export const USUAL_RATES: RecordingRates = {
  burstBytes: 67_108_864,
  bytesPerSecond: 49_152,
  typedBurstBytes: 16_777_216,
  typedBytesPerSecond: 16_384,
  graceBytes: 2_097_152,
}

/**
 * One sandbox's limiter, shared by its terminals. A flood is slowed and not ended: the recorder takes less, so the porter
 * reads less, so the program waits. Two buckets, because a flood has emptied the first one when somebody presses Ctrl-C,
 * and what is on its way then comes before the prompt: a key lets that through at once, from a bucket of its own, so that
 * keys (or a program that makes xterm.js answer) do not get around the limit either.
 */
export function createRecordingLimiter(rates: RecordingRates = USUAL_RATES, now?: () => number) {
  const flow = createRateLimiter({ burst: rates.burstBytes, perSecond: rates.bytesPerSecond }, now)
  const typed = createRateLimiter({ burst: rates.typedBurstBytes, perSecond: rates.typedBytesPerSecond }, now)
  return {
    /** One terminal's part. */
    forTerminal() {
      const state = { graceBytes: 0 }
      return {
        /** To be called when somebody has pressed a key, and wants to see what it did. */
        noteKey() {
          state.graceBytes = rates.graceBytes
        },
        /** Takes so many, if they may be recorded at once. */
        take(bytes: number): boolean {
          if (flow.take(bytes)) return true
          if (bytes > state.graceBytes || !typed.take(bytes)) return false
          state.graceBytes -= bytes
          return true
        },
        /** Takes so many and says how long to wait, in ms. Of small pieces, so that the terminals of one sandbox alternate. */
        reserve: flow.reserve,
      }
    },
  }
}
export type TerminalLimiter = ReturnType<ReturnType<typeof createRecordingLimiter>['forTerminal']>
