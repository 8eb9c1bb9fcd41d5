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
  }
}
