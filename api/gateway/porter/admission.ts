/** A token bucket: `burst` at once, then `perSecond`. Says whether one more is let in. */
export function createAdmission({
  burst,
  perSecond,
  now = Date.now,
}: {
  burst: number
  perSecond: number
  now?: () => number
}) {
  let tokens = burst
  let at = now()
  return () => {
    const moment = now()
    tokens = Math.min(burst, tokens + ((moment - at) * perSecond) / 1000)
    at = moment
    if (tokens < 1) return false
    tokens -= 1
    return true
  }
}
