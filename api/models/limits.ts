/** What one sandbox may ask of models at most. It can only starve itself. */
export interface ModelLimits {
  /** Largest request. */
  bodyBytes: number
  /** Requests being read or answered at one time, and how much of their text is held. */
  calls: number
  heldBytes: number
  /** Requests in a row before they are spaced, and how many a second from then on. Each whole MiB of a body counts as one more: reading it takes the time of all. */
  burst: number
  perSecond: number
  bodyTimeoutMs: number
}
export const USUAL_LIMITS: ModelLimits = {
  bodyBytes: 32 * 1_048_576,
  calls: 16,
  heldBytes: 64 * 1_048_576,
  burst: 600,
  perSecond: 20,
  bodyTimeoutMs: 120_000,
}

/** A token bucket (RFC 2697's idea): `burst` at once, then `perSecond`. `now` is in ms and never goes back. */
export function createRate({ burst, perSecond }: { burst: number; perSecond: number }, now = () => performance.now()) {
  const bucket = { left: burst, at: now() }
  return {
    take(): boolean {
      const at = now()
      bucket.left = Math.min(burst, bucket.left + ((at - bucket.at) / 1000) * perSecond)
      bucket.at = at
      if (bucket.left < 1) return false
      bucket.left--
      return true
    },
    /** Takes more for what has turned out to be large; later requests wait for it. */
    charge(count: number) {
      bucket.left -= count
    },
  }
}
