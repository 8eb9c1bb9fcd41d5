import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { z } from 'zod'
import { connectionTypes } from '../../store/connect.ts'
import { chainHash, GENESIS, leafHash } from './chain.ts'

/** pg_advisory_lock(int, int); migrations use (4600, 1). */
const LOCK = [4600, 2]
const MAX_BATCH = 1_000
/**
 * How long an event may wait for its place. Polled: a NOTIFY by every writer would make all their commits queue for one
 * lock (PreCommit_Notify in PostgreSQL's async.c), and the writers' latency is what people feel.
 */
const IDLE_MS = 100
const RETRY_MS = 500
const TIMEOUT_MS = 10_000

const PENDING = `SELECT e.id, e.body FROM audit_unsequenced u JOIN audit_events e ON e.id = u.event_id ORDER BY e.arrival LIMIT ${MAX_BATCH}`
/** One statement, so one commit: a place, its removal from the waiting list and the news of it, or none of them. */
const PLACE = `
  WITH placed AS (
    INSERT INTO audit_chain (seq, event_id, leaf_hash, chain_hash)
    SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bytea[], $4::bytea[])
  ), gone AS (
    DELETE FROM audit_unsequenced WHERE event_id = ANY ($2::uuid[])
  )
  SELECT pg_notify('audit', $5)`

const pendingRows = z.array(z.object({ id: z.string(), body: z.string() }))
const headRows = z.array(z.object({ seq: z.int(), chain_hash: z.instanceof(Buffer) }))
const lockRows = z.tuple([z.object({ locked: z.boolean() })])

interface Head {
  seq: number
  hash: Buffer
}

/**
 * Gives every committed event its place, in commit order as far as it can be seen, and links it to the one before. Runs
 * in the server; only the holder of the advisory lock does anything, another waits for it to end. Places are unique in the
 * database as well, so even a holder that lost its lock unknowingly cannot write a second chain.
 */
export function createSequencer(databaseUrl: string, onError: (error: unknown) => void = () => {}) {
  const closing = new AbortController()
  const stopped = () => closing.signal.aborted
  const pause = (ms: number) => delay(ms, null, { signal: closing.signal }).catch(() => {})
  const state = { leading: false }
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
      const { rows } = await client.query('SELECT pg_try_advisory_lock($1, $2) AS locked', LOCK)
      const [{ locked }] = lockRows.parse(rows)
      state.leading = locked
      if (locked) return true
      await pause(RETRY_MS)
    }
    return false
  }

  async function sequence(client: pg.Client) {
    let head = await readHead(client)
    while (!stopped()) {
      const next = await placeBatch(client, head)
      if (next.seq - head.seq < MAX_BATCH) await pause(IDLE_MS)
      head = next
    }
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

async function readHead(client: pg.Client): Promise<Head> {
  const { rows } = await client.query('SELECT seq, chain_hash FROM audit_chain ORDER BY seq DESC LIMIT 1')
  const [last] = headRows.parse(rows)
  return last ? { seq: last.seq, hash: last.chain_hash } : { seq: 0, hash: GENESIS }
}

async function placeBatch(client: pg.Client, head: Head): Promise<Head> {
  const { rows } = await client.query({ name: 'pending', text: PENDING })
  const pending = pendingRows.parse(rows)
  if (pending.length === 0) return head
  let { seq, hash } = head
  const placed = pending.map(({ id, body }) => {
    const leaf = leafHash(body)
    hash = chainHash(hash, leaf)
    seq += 1
    return { seq, id, leaf, hash }
  })
  const columns = [
    placed.map((p) => p.seq),
    placed.map((p) => p.id),
    placed.map((p) => p.leaf),
    placed.map((p) => p.hash),
  ]
  await client.query({ name: 'place', text: PLACE, values: [...columns, String(seq)] })
  return { seq, hash }
}
