import { useEffect, useMemo, useRef, useState } from 'react'
import type { AuditView } from '../../../../api/contract/audit.ts'
import { eventsPage, followFeed } from '../../client/audit.ts'

/** The page keeps this many; the log keeps them all. */
const KEPT = 2000

interface Feed {
  status: 'loading' | 'failed' | 'ready'
  error: unknown
  events: AuditView[]
  live: boolean
  /** Came while paused. */
  waiting: number
  retry: () => void
  older: (() => void) | null
}

/** The newest events and every one that follows; newest first. While `paused`, new ones wait. */
export const useFeed = (paused: boolean): Feed => {
  const [status, setStatus] = useState<Feed['status']>('loading')
  const [error, setError] = useState<unknown>(null)
  const [events, setEvents] = useState<AuditView[]>([])
  const [cursor, setCursor] = useState<string | null>(null)
  const [live, setLive] = useState(false)
  const [attempt, setAttempt] = useState(0)
  const [pausedAt, setPausedAt] = useState<number | null>(null)
  const newest = useRef(0)
  newest.current = events[0]?.seq ?? 0

  useEffect(() => setPausedAt(paused ? newest.current : null), [paused])

  // biome-ignore lint/correctness/useExhaustiveDependencies: `attempt` starts it again
  useEffect(() => {
    const stopped = new AbortController()
    let unfollow: (() => void) | null = null
    const begin = async () => {
      try {
        const page = await eventsPage({ signal: stopped.signal })
        if (stopped.signal.aborted) return
        setEvents(page.items)
        setCursor(page.cursor)
        setStatus('ready')
        unfollow = followFeed(
          page.items[0]?.seq ?? 0,
          (more) => setEvents((kept) => [...more.toSorted((a, b) => b.seq - a.seq), ...kept].slice(0, KEPT)),
          setLive,
        )
      } catch (failure) {
        if (stopped.signal.aborted) return
        setError(failure)
        setStatus('failed')
      }
    }
    setStatus('loading')
    void begin()
    return () => {
      stopped.abort()
      unfollow?.()
    }
  }, [attempt])

  const shown = useMemo(
    () => (pausedAt === null ? events : events.filter((event) => event.seq <= pausedAt)),
    [events, pausedAt],
  )
  const older = async () => {
    if (cursor === null) return
    const page = await eventsPage({ before: cursor })
    setEvents((kept) => [...kept, ...page.items])
    setCursor(page.cursor)
  }
  return {
    status,
    error,
    events: shown,
    live,
    waiting: events.length - shown.length,
    retry: () => setAttempt(attempt + 1),
    older: cursor === null || events.length >= KEPT ? null : () => void older().catch(setError),
  }
}
