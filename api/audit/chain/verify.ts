import { type SelectQueryBuilder, sql, type Transaction } from 'kysely'
import { z } from 'zod'
import type { Store } from '../../store/connect.ts'
import type { Database } from '../../store/tables.ts'
import { chainHash, GENESIS, leafHash } from './chain.ts'

const PAGE = 1_000
/** As in migration 005: so many places share one list of words. */
const STRETCH = 128
const WORDS_PAGE = 50
const counted = z.object({ events: z.int() })

export interface ChainProblem {
  /** The first bad place; null when an event has none and waits for none. */
  seq: number | null
  what: string
}
export interface ChainVerdict {
  ok: boolean
  /** How many places were found good. */
  events: number
  /** How many events wait for their place: no hash covers them yet. */
  waiting: number
  problem?: ChainProblem
}

/**
 * Recomputes the chain from the bodies, on one snapshot. It finds an event that was changed, removed, put in another
 * place or taken out of the chain, and columns or words that were made to say something else than the event (a search would
 * then not find it), by whoever can silence the triggers. What it cannot find from the database alone: the
 * newest events removed from both tables together, or everything after some place rewritten with new hashes. For those,
 * a hash that was kept elsewhere must be compared (signed checkpoints that leave the machine).
 */
export async function verifyChain(db: Store): Promise<ChainVerdict> {
  return db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(verifyIn)
}

async function verifyIn(transaction: Transaction<Database>): Promise<ChainVerdict> {
  const waiting = await count(transaction.selectFrom('audit_unsequenced'))
  let events = 0
  let previous: Buffer = GENESIS
  for (;;) {
    const page = await transaction
      .selectFrom('audit_chain as c')
      .leftJoin('audit_events as e', 'e.id', 'c.event_id')
      .select(['c.seq', 'c.leaf_hash', 'c.chain_hash', 'e.body', columnsHold.as('columns_hold')])
      .where('c.seq', '>', events)
      .orderBy('c.seq')
      .limit(PAGE)
      .execute()
    for (const row of page) {
      const what = problemOf(row, events + 1, previous)
      if (what) return { ok: false, events, waiting, problem: { seq: events + 1, what } }
      events += 1
      previous = row.chain_hash
    }
    if (page.length < PAGE) break
  }
  const wrongWords = await findWrongWords(transaction)
  if (wrongWords) return { ok: false, events, waiting, problem: wrongWords }
  const unplaced = await countUnplaced(transaction)
  if (unplaced === 0) return { ok: true, events, waiting }
  const what = `${unplaced} stored events have no place in the chain and are not waiting for one: places after ${events} were removed.`
  return { ok: false, events, waiting, problem: { seq: null, what } }
}

interface Place {
  seq: number
  leaf_hash: Buffer
  chain_hash: Buffer
  body: string | null
  columns_hold: boolean
}

/** Compared as text: whatever a body holds, this throws nothing. */
const columnsHold = sql<boolean>`(
  e.id::text, e.kind, e.at_ms::text, e.person, e.prototype, e.sandbox, e.decision, e.correlation
) IS NOT DISTINCT FROM (
  e.body::json ->> 'id', e.body::json ->> 'kind', e.body::json ->> 'at', e.body::json ->> 'person',
  e.body::json ->> 'prototype', e.body::json ->> 'sandbox', e.body::json ->> 'decision', e.body::json ->> 'correlation'
)`

function problemOf(place: Place, expectedSeq: number, previous: Buffer): string | null {
  if (place.seq !== expectedSeq) return 'The place is missing from the chain.'
  if (place.body === null) return 'The event is missing.'
  const leaf = leafHash(place.body)
  if (!leaf.equals(place.leaf_hash)) return 'The event is not the one that was written.'
  if (!chainHash(previous, leaf).equals(place.chain_hash)) return 'The place does not follow from the one before.'
  if (!place.columns_hold) return 'The columns by which the event is found do not say what the event says.'
  return null
}

/** The first stretch of places whose words, by which a search finds it, are not those of its events. */
async function findWrongWords(transaction: Transaction<Database>): Promise<ChainProblem | null> {
  for (let expected = 1; ; ) {
    const page = await transaction
      .selectFrom('audit_text')
      .select(['first_seq', sql<boolean>`words IS NOT DISTINCT FROM audit_words_from(first_seq)`.as('holds')])
      .where('first_seq', '>=', expected)
      .orderBy('first_seq')
      .limit(WORDS_PAGE)
      .execute()
    for (const { first_seq, holds } of page) {
      if (first_seq !== expected) return { seq: expected, what: 'What the search finds these places by is missing.' }
      if (!holds) return { seq: expected, what: 'What the search finds these places by is not what their events say.' }
      expected += STRETCH
    }
    if (page.length < WORDS_PAGE) return null
  }
}

/** Stored events that neither have a place nor wait for one. */
const countUnplaced = (transaction: Transaction<Database>) =>
  count(
    transaction
      .selectFrom('audit_events as e')
      .where(({ not, exists, selectFrom }) =>
        not(exists(selectFrom('audit_chain as c').select('c.seq').whereRef('c.event_id', '=', 'e.id'))),
      )
      .where(({ not, exists, selectFrom }) =>
        not(exists(selectFrom('audit_unsequenced as u').select('u.arrival').whereRef('u.arrival', '=', 'e.arrival'))),
      ),
  )

async function count<DB, TB extends keyof DB>(rows: SelectQueryBuilder<DB, TB, object>): Promise<number> {
  return counted.parse(await rows.select(sql<number>`count(*)`.as('events')).executeTakeFirst()).events
}
