/** How many tries a key (an account, an address) has before it must wait, and how long the wait may grow. */
export interface ThrottleLimits {
  freeTries: number
  longestWaitMs: number
}
interface Tries {
  count: number
  lastAt: number
  nextAt: number
}

const FIRST_WAIT_MS = 1_000
const FORGET_AFTER_MS = 3_600_000
/** Keys that are remembered; beyond it the one that was tried longest ago is forgotten. */
const KEYS = 10_000

/**
 * Growing delays for guesses: after `freeTries` failures each further one makes the wait twice as long. A try counts when
 * it begins, so that many at once gain nothing.
 */
export function createThrottle({ freeTries, longestWaitMs }: ThrottleLimits, now: () => number = Date.now) {
  const tries = new Map<string, Tries>()
  return {
    /** Milliseconds to wait before this key may try again; 0: it may, and this try is counted. */
    begin(key: string): number {
      const known = tries.get(key)
      const before = known && now() - known.lastAt < FORGET_AFTER_MS ? known : { count: 0, nextAt: 0 }
      const waitMs = before.nextAt - now()
      if (waitMs > 0) return waitMs
      const count = before.count + 1
      const delayMs = count < freeTries ? 0 : Math.min(FIRST_WAIT_MS * 2 ** (count - freeTries), longestWaitMs)
      tries.delete(key)
      tries.set(key, { count, lastAt: now(), nextAt: now() + delayMs })
      const oldest = tries.keys().next()
      if (tries.size > KEYS && !oldest.done) tries.delete(oldest.value)
      return 0
    },
    /** The try was no guess: it does not count. Earlier failures of the key still do. */
    refund(key: string): void {
      const known = tries.get(key)
      if (known) tries.set(key, { ...known, count: known.count - 1, nextAt: now() })
    },
    forget(key: string): void {
      tries.delete(key)
    },
  }
}
export type Throttle = ReturnType<typeof createThrottle>
