import { useSyncExternalStore } from 'react'

const MINUTE_MS = 60_000
const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', MINUTE_MS],
] as const
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' })

const age = (since: number, now: number): string => {
  for (const [unit, ms] of units) {
    if (Math.abs(now - since) >= ms) return relative.format(-Math.floor((now - since) / ms), unit)
  }
  return 'just now'
}

const subscribe = (onChange: () => void) => {
  const timer = window.setInterval(onChange, MINUTE_MS / 2)
  return () => window.clearInterval(timer)
}
const halfMinute = () => Math.floor(Date.now() / (MINUTE_MS / 2))

/** How long ago, with the exact moment on hover. */
export const Age = ({ at }: { at: string }) => {
  useSyncExternalStore(subscribe, halfMinute)
  const since = new Date(at)
  return (
    <time dateTime={at} title={exact.format(since)}>
      {age(since.getTime(), Date.now())}
    </time>
  )
}
