import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Append } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import { type AuditLag, auditLag } from '../../contract/audit.ts'
import type { Store } from '../../store/connect.ts'

const LOOK_EVERY_MS = 1_000
/** From here on the log itself says that its places come late. */
const BEHIND_MS = 5_000
/** Well below, so that one episode does not become many. */
const CAUGHT_UP_MS = 1_000

/** A stretch of time in which places come late; null outside of one. */
export type Episode = { longestMs: number } | null
/** What an episode becomes, and what the log says about it: once when it begins, once when it ends. Pure. */
export function nextEpisode(
  episode: Episode,
  { behindMs }: AuditLag,
): { episode: Episode; says: null | 'behind' | 'caught-up' } {
  if (episode === null) {
    return behindMs > BEHIND_MS ? { episode: { longestMs: behindMs }, says: 'behind' } : { episode, says: null }
  }
  const longest = { longestMs: Math.max(episode.longestMs, behindMs) }
  return { episode: longest, says: behindMs < CAUGHT_UP_MS ? 'caught-up' : null }
}

interface LagDeps {
  db: Store
  append: Append
}

/** How far the log's places are behind what is stored, looked at once a second however many ask. */
export function createLagWatch({ db, append }: LagDeps) {
  const closing = new AbortController()
  const watchers = new Set<(lag: AuditLag) => void>()
  const state: { lag: AuditLag | null; episode: Episode } = { lag: null, episode: null }
  const running = keepLooking()

  async function keepLooking() {
    while (!closing.signal.aborted) {
      try {
        state.lag = await readLag(db)
        for (const watcher of watchers) watcher(state.lag)
        await tell(state.lag)
      } catch {
        // The database is away: how much waits there is not known. An episode that could not be told is told at the next look.
        state.lag = null
      }
      await delay(LOOK_EVERY_MS, null, { signal: closing.signal }).catch(() => {})
    }
  }

  async function tell(lag: AuditLag) {
    const { episode, says } = nextEpisode(state.episode, lag)
    const told = { actor: { type: 'system', id: 'server' }, decision: 'info' } as const
    if (says === 'behind') {
      await append(auditEvent('log.behind', { ...told, reason: 'places-late', detail: lag }))
    }
    if (says === 'caught-up') {
      const detail = { behindMs: episode?.longestMs ?? 0 }
      await append(auditEvent('log.caught-up', { ...told, reason: 'places-in-time', detail }))
    }
    state.episode = says === 'caught-up' ? null : episode
  }

  return {
    /** Null: not known, because the database does not answer. */
    current: () => state.lag,
    /** Told at every look. */
    subscribe(watcher: (lag: AuditLag) => void): () => void {
      watchers.add(watcher)
      return () => void watchers.delete(watcher)
    },
    async close() {
      closing.abort()
      await running
    },
  }
}
export type LagWatch = ReturnType<typeof createLagWatch>

/** By the database's clock: writers' clocks differ. */
async function readLag(db: Store): Promise<AuditLag> {
  const row = await db
    .selectFrom('audit_unsequenced')
    .select([
      sql`count(*)`.as('waiting'),
      sql`coalesce(greatest(0, extract(epoch FROM clock_timestamp() - min(since)) * 1000), 0)::bigint`.as('behindMs'),
    ])
    .executeTakeFirstOrThrow()
  return auditLag.parse(row)
}
