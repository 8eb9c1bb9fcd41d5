import { setTimeout as delay } from 'node:timers/promises'
import type { AuditView } from '../../contract/audit.ts'
import type { Store } from '../../store/connect.ts'
import type { AuditFeed } from './feed.ts'
import type { EventFilter } from './filter.ts'
import { listEvents } from './read.ts'

const RETRY_MS = 500

interface Follower {
  /** As for the feed: null starts at the present. */
  after: number | null
  filter: EventFilter
  /** What matches, in order, and the last place that was looked at; there may be nothing to show up to there. */
  onEvents: (events: AuditView[], place: number) => void
}

/**
 * Follows the feed with a filter. What matches is asked of the same query that the list uses, so that the list and what
 * follows it can never mean two things.
 */
export function followFiltered({ db, feed }: { db: Store; feed: AuditFeed }, { after, filter, onEvents }: Follower) {
  const isFiltered = Object.values(filter).some((part) => part !== undefined)
  const state = { ended: false, turn: Promise.resolve() }

  /** A database that is away is waited for: an event that was not compared is not one that does not match. */
  async function pass(events: AuditView[], from: number, place: number) {
    while (!state.ended) {
      try {
        const range = { after: from - 1, before: place + 1, limit: events.length }
        const { items } = await listEvents(db, { ...filter, ...range })
        if (!state.ended) onEvents(items, place)
        return
      } catch {
        await delay(RETRY_MS)
      }
    }
  }

  const subscription = feed.subscribe(after, (events) => {
    const [first, last] = [events[0], events.at(-1)]
    if (!first || !last) return
    if (!isFiltered) return onEvents(events, last.seq)
    state.turn = state.turn.then(() => pass(events, first.seq, last.seq))
  })
  return {
    ready: subscription.ready,
    unsubscribe() {
      state.ended = true
      subscription.unsubscribe()
    },
  }
}
