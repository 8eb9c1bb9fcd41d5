import { setTimeout as delay } from 'node:timers/promises'
import type { AuditView } from '../../contract/audit.ts'
import type { Store } from '../../store/connect.ts'
import { listen } from '../../store/listen.ts'
import { listEvents, newestPlace } from './read.ts'

const PAGE = 500
const RETRY_MS = 500

interface Subscriber {
  /** The last place that was given to it. */
  seq: number
  live: boolean
  onEvents: (events: AuditView[]) => void
}

/**
 * The live log: one LISTEN and one reader, however many people watch. Events reach every subscriber once and in the order
 * of their places. `subscribe(null, …)` starts at the present; with a place, everything after it comes first.
 *
 * Longer than a screen, because the reader's place and the subscribers' are compared in one turn of the event loop.
 */
export function createFeed(db: Store, databaseUrl: string) {
  const subscribers = new Set<Subscriber>()
  const state: {
    seq: number | null
    starting: Promise<number> | null
    reading: boolean
    again: boolean
    closed: boolean
    retry: NodeJS.Timeout | null
  } = {
    seq: null,
    starting: null,
    reading: false,
    again: false,
    closed: false,
    retry: null,
  }
  const wake = () => void read()
  const listener = listen(databaseUrl, ['audit'], wake, wake)

  /** A notification during a read asks for another: what it announces may have been committed after our snapshot. */
  async function read() {
    state.again = true
    if (state.reading || state.closed) return
    state.reading = true
    try {
      while (state.again && !state.closed) {
        state.again = false
        const from = await place()
        const events = await after(from)
        state.seq = events.at(-1)?.seq ?? from
        state.again ||= events.length === PAGE
        for (const subscriber of subscribers) if (subscriber.live) deliver(subscriber, events)
      }
    } catch {
      // The database is away. LISTEN notices as well and reads again, but not when only this connection broke.
      state.retry = setTimeout(wake, RETRY_MS)
    } finally {
      state.reading = false
    }
  }

  /** Where the common reader is. Found once: a second answer, later, would jump over what came in between. */
  async function place(): Promise<number> {
    if (state.seq !== null) return state.seq
    state.starting ??= newestPlace(db)
    try {
      const found = await state.starting
      state.seq ??= found
      return state.seq
    } catch (error) {
      state.starting = null
      throw error
    }
  }

  const after = async (seq: number) => (await listEvents(db, { after: seq, limit: PAGE })).items

  function deliver(subscriber: Subscriber, events: AuditView[]) {
    const fresh = events.filter(({ seq }) => seq > subscriber.seq)
    subscriber.seq = fresh.at(-1)?.seq ?? subscriber.seq
    if (fresh.length === 0 || !subscribers.has(subscriber)) return
    try {
      subscriber.onEvents(fresh)
    } catch {
      // Whoever cannot take events must not keep them from the others.
      subscribers.delete(subscriber)
    }
  }

  /** Reads for itself until it is where the common reader is; a database that is away is waited for. */
  async function catchUp(subscriber: Subscriber) {
    while (subscribers.has(subscriber) && !subscriber.live) {
      try {
        await catchUpPage(subscriber)
      } catch {
        await delay(RETRY_MS)
      }
    }
  }

  async function catchUpPage(subscriber: Subscriber) {
    const reader = await place()
    const events = await after(subscriber.seq)
    deliver(subscriber, events)
    // Nothing to read and yet behind a reader that stood still: places are missing, which is for `verify` to say.
    const atEnd = events.length === 0 && state.seq === reader
    subscriber.live = atEnd || (state.seq !== null && subscriber.seq >= state.seq)
  }

  return {
    /**
     * `ready` resolves when everything older has been given, or the subscriber has gone; it never rejects. A subscriber
     * whose `onEvents` throws is taken off the list.
     */
    subscribe(afterSeq: number | null, onEvents: (events: AuditView[]) => void) {
      const subscriber: Subscriber = { seq: afterSeq ?? 0, live: afterSeq === null, onEvents }
      subscribers.add(subscriber)
      return { ready: catchUp(subscriber), unsubscribe: () => void subscribers.delete(subscriber) }
    },
    async close() {
      state.closed = true
      subscribers.clear()
      if (state.retry) clearTimeout(state.retry)
      await listener.close()
    },
  }
}
export type AuditFeed = ReturnType<typeof createFeed>
