import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { z } from 'zod'
import { connectionTypes } from '../../store/connect.ts'
import { addWords, type Cursor, fromTheFront, type Head, placeBatch, readAlongIndexes, readHead } from './place.ts'

/** pg_advisory_lock(int, int); migrations use (4600, 1). */
const LOCK = [4600, 2]
/**
 * How long an event may wait for its place. Polled: a NOTIFY by every writer would make all their commits queue for one
 * lock (PreCommit_Notify in PostgreSQL's async.c), and the writers' latency is what people feel.
 */
const IDLE_MS = 100
/** Under a backlog, how long what is more urgent, or was committed late, may wait for the next look at the front. */
const FRONT_MS = 500
/** How long at a time the search may be fed before the next look at what waits. */
const WORDS_MS = 100
const WORDS_RETRY_MS = 60_000
const RETRY_MS = 500
const TIMEOUT_MS = 10_000

const lockRows = z.tuple([z.object({ locked: z.boolean() })])

/**
 * Gives every committed event its place, in order of arrival as far as it can be seen and people's before sandboxes', and links
 * it to the one before. Runs in the server; only the holder of the advisory lock does anything, another waits for it to end.
 * Places are unique in the database as well, so even a holder that lost its lock unknowingly cannot write a second chain.
 *
 * Longer than 60 lines because leading, connecting and closing are one state.
 */
export function createSequencer(databaseUrl: string, onError: (error: unknown) => void = () => {}) {
  const closing = new AbortController()
  const stopped = () => closing.signal.aborted
  const pause = (ms: number) => delay(ms, null, { signal: closing.signal }).catch(() => {})
  const state = { leading: false, wordsFrom: 0 }
  const running = keepSequencing()

  async function keepSequencing() {
    while (!stopped()) {
      const client = new pg.Client({
        connectionString: databaseUrl,
        connectionTimeoutMillis: TIMEOUT_MS,
        query_timeout: TIMEOUT_MS,
        types: connectionTypes(),
      })
      client.on('error', () => {})
      try {
        await client.connect()
        if (await lead(client)) await sequence(client)
      } catch (error) {
        if (!stopped()) onError(error)
        await pause(RETRY_MS)
      } finally {
        state.leading = false
        // Ends the session, and with it the lock.
        await client.end().catch(() => {})
      }
    }
  }

  /** True once we hold the lock; false when closing. */
  async function lead(client: pg.Client): Promise<boolean> {
    while (!stopped()) {
      state.leading = await tryLock(client)
      if (state.leading) return true
      await pause(RETRY_MS)
    }
    return false
  }

  async function sequence(client: pg.Client) {
    await readAlongIndexes(client)
    let head: Head = await readHead(client)
    let cursor: Cursor = fromTheFront
    let lookedAt = performance.now()
    while (!stopped()) {
      if (performance.now() - lookedAt > FRONT_MS) {
        lookedAt = performance.now()
        cursor = fromTheFront
      }
      const batch = await placeBatch(client, head, cursor)
      head = batch.head
      cursor = batch.cursor
      if (batch.isFull) continue
      await makeSearchable(client)
      await pause(IDLE_MS)
    }
  }

  /** Whatever keeps a stretch from being searched quickly must not keep events from their places: it is tried now and then. */
  async function makeSearchable(client: pg.Client) {
    const now = performance.now()
    if (now < state.wordsFrom) return
    state.wordsFrom = now + WORDS_RETRY_MS
    await addWords(client, WORDS_MS)
    state.wordsFrom = 0
  }

  return {
    /** Whether this one holds the lock. */
    leading: () => state.leading,
    async close() {
      closing.abort()
      await running
    },
  }
}
export type Sequencer = ReturnType<typeof createSequencer>

async function tryLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query('SELECT pg_try_advisory_lock($1, $2) AS locked', LOCK)
  const [{ locked }] = lockRows.parse(rows)
  return locked
}
