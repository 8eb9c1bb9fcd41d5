import { useEffect, useMemo, useRef, useState } from 'react'
import type { AuditView } from '../../../../api/contract/audit.ts'
import { eventsPage, followFeed } from '../../client/audit.ts'

/** The page keeps this many; the log keeps them all. */
const KEPT = 2000
const PAGES_BACK = 5

export interface Feed {
  status: 'loading' | 'failed' | 'ready'
  error: unknown
  events: AuditView[]
  live: boolean
  /** Came while paused. */
  waiting: number
  retry: () => void
  /** Goes back until an event is among the `wanted`, or a good way; null at the beginning of the log, or of what is kept. */
  older: ((wanted: (event: AuditView) => boolean) => void) | null
  lookingBack: boolean
  /** As many as are kept are on the page; there may be older ones in the log. */
  full: boolean
}

/** The newest events and every one that follows; newest first. While `paused`, new ones wait. */
export const useFeed = (paused: boolean): Feed => {
  const [status, setStatus] = useState<Feed['status']>('loading')
  const [error, setError] = useState<unknown>(null)
  const [events, setEvents] = useState<AuditView[]>([])
  const [cursor, setCursor] = useState<string | null>(null)
  const [live, setLive] = useState(false)
  const [lookingBack, setLookingBack] = useState(false)
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
  const older = async (wanted: (event: AuditView) => boolean) => {
    setError(null)
    setLookingBack(true)
    try {
      let before = cursor
      for (let pages = 0; before !== null && pages < PAGES_BACK; pages++) {
        const page = await eventsPage({ before })
        setEvents((kept) => [...kept, ...page.items].slice(0, KEPT))
        setCursor(page.cursor)
        before = page.items.some(wanted) ? null : page.cursor
      }
    } catch (failure) {
      setError(failure)
    }
    setLookingBack(false)
  }
  const full = events.length >= KEPT
  return {
    status,
    error,
    events: shown,
    live,
    waiting: events.length - shown.length,
    retry: () => setAttempt(attempt + 1),
    older: cursor === null || full ? null : (wanted) => void older(wanted),
    lookingBack,
    full: cursor !== null && full,
  }
}
