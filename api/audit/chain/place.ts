/** What the sequencer asks of the database: what waits, in which order, and its places. */
import type pg from 'pg'
import { z } from 'zod'
import { chainHash, GENESIS } from './chain.ts'

/** Bodies stay in the database, so that a batch is small however long its events are. */
const MAX_BATCH = 5_000

/**
 * What waits after the cursor, the urgent first. Each priority is read on from where it was: what was taken before leaves
 * dead entries, which any long reading of the log (a backup, `verify`) keeps in the way. The leaf is made here, where the body
 * is; `verify` makes it from the body once more, elsewhere.
 */
const PENDING = `
  SELECT w.priority, w.arrival, e.id, sha256('\\x00'::bytea || convert_to(e.body, 'UTF8')) AS leaf
  FROM (
    SELECT u.priority, u.arrival
    FROM unnest($1::smallint[], $2::bigint[]) AS c (priority, after)
    CROSS JOIN LATERAL (
      SELECT priority, arrival FROM audit_unsequenced
      WHERE priority = c.priority AND arrival > c.after ORDER BY arrival LIMIT ${MAX_BATCH}
    ) AS u
    ORDER BY u.priority, u.arrival LIMIT ${MAX_BATCH}
  ) AS w JOIN audit_events e ON e.arrival = w.arrival
  ORDER BY w.priority, w.arrival`
/** One statement, so one commit: a place, its removal from the waiting list and the news of it, or none of them. */
const PLACE = `
  WITH placed AS (
    INSERT INTO audit_chain (seq, event_id, leaf_hash, chain_hash)
    SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bytea[], $4::bytea[])
  ), gone AS (
    DELETE FROM audit_unsequenced u USING unnest($5::smallint[], $6::bigint[]) AS g (priority, arrival)
    WHERE u.priority = g.priority AND u.arrival = g.arrival
  )
  SELECT pg_notify('audit', $7)`

const pendingRows = z.array(
  z.object({ priority: z.int(), arrival: z.int(), id: z.string(), leaf: z.instanceof(Buffer) }),
)
const headRows = z.array(z.object({ seq: z.int(), chain_hash: z.instanceof(Buffer) }))

/** The last place, and its chain hash. */
export interface Head {
  seq: number
  hash: Buffer
}
/** Of each priority, the arrival up to which it was taken. */
export type Cursor = ReadonlyMap<number, number>

/** Numbers are taken before the commit: what comes later may stand before what was placed already, and is found from here. */
export const fromTheFront: Cursor = new Map([0, 1, 2].map((priority) => [priority, 0]))

/** The statistics of a list that fills and empties in seconds mislead the planner into reading all of it for each batch. */
export async function readAlongIndexes(client: pg.Client): Promise<void> {
  await client.query('SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off')
}

export async function readHead(client: pg.Client): Promise<Head> {
  const { rows } = await client.query('SELECT seq, chain_hash FROM audit_chain ORDER BY seq DESC LIMIT 1')
  const [last] = headRows.parse(rows)
  return last ? { seq: last.seq, hash: last.chain_hash } : { seq: 0, hash: GENESIS }
}

/** Places what waits after `cursor`, at most a batch: in order of arrival when that is everything, otherwise the urgent first. */
export async function placeBatch(client: pg.Client, head: Head, cursor: Cursor) {
  const from = [[...cursor.keys()], [...cursor.values()]]
  const { rows } = await client.query({ name: 'pending', text: PENDING, values: from })
  const found = pendingRows.parse(rows)
  if (found.length === 0) return { head, cursor, isFull: false }
  const isFull = found.length === MAX_BATCH
  const pending = isFull ? found : found.toSorted((a, b) => a.arrival - b.arrival)
  let { seq, hash } = head
  const placed = pending.map(({ leaf }) => {
    hash = chainHash(hash, leaf)
    seq += 1
    return { seq, hash }
  })
  const columns = [
    placed.map((p) => p.seq),
    pending.map((p) => p.id),
    pending.map((p) => p.leaf),
    placed.map((p) => p.hash),
    pending.map((p) => p.priority),
    pending.map((p) => p.arrival),
  ]
  await client.query({ name: 'place', text: PLACE, values: [...columns, String(seq)] })
  const reached = new Map([...cursor, ...found.map(({ priority, arrival }) => [priority, arrival] as const)])
  return { head: { seq, hash }, cursor: reached, isFull }
}

const addedRows = z.tuple([z.object({ added: z.boolean() })])

/** Makes what is placed quick to search, as far as it goes in this time. */
export async function addWords(client: pg.Client, forMs: number): Promise<void> {
  const end = performance.now() + forMs
  while (performance.now() < end) {
    const { rows } = await client.query('SELECT audit_add_words() AS added')
    const [{ added }] = addedRows.parse(rows)
    if (!added) return
  }
}
