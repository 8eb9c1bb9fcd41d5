import { setTimeout as delay } from 'node:timers/promises'

/** What may be taken at once, and what comes back each second. */
export interface Rate {
  burst: number
  perSecond: number
}

/**
 * A token bucket, as in RFC 2697 section 3 with one bucket. It starts full.
 *
 * @param now ms of a clock that never goes back.
 */
export function createRateLimiter({ burst, perSecond }: Rate, now: () => number = () => performance.now()) {
  const bucket = { tokens: burst, filledAt: now() }

  function refill() {
    const at = now()
    bucket.tokens = Math.min(burst, bucket.tokens + ((at - bucket.filledAt) / 1000) * perSecond)
    bucket.filledAt = at
  }

  /** Takes them in any case, and says how long to wait for it in ms. Whoever comes later waits longer. */
  function reserve(count = 1): number {
    refill()
    bucket.tokens -= count
    return Math.max(0, (-bucket.tokens / perSecond) * 1000)
  }

  return {
    /** Takes them if so many are there, and `leaving` more. */
    take(count = 1, leaving = 0): boolean {
      refill()
      if (bucket.tokens < count + leaving) return false
      bucket.tokens -= count
      return true
    },
    /** How long whoever takes one now would have to wait, in ms. */
    waitMs(): number {
      refill()
      return Math.max(0, ((1 - bucket.tokens) / perSecond) * 1000)
    },
    reserve,
    /** The same, but takes nothing, and says null, where the wait would be longer than `mostMs`: so what is owed has a bound. */
    reserveWithin(mostMs: number, count = 1): number | null {
      refill()
      return ((count - bucket.tokens) / perSecond) * 1000 > mostMs ? null : reserve(count)
    },
    /** Takes them, and resolves when the wait for it is over. A wait keeps no program alive. */
    async wait(count = 1): Promise<void> {
      const waitMs = reserve(count)
      if (waitMs > 0) await delay(waitMs, undefined, { ref: false })
    },
  }
}
export type RateLimiter = ReturnType<typeof createRateLimiter>
