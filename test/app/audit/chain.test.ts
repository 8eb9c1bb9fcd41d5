import { CompiledQuery } from 'kysely'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Appender, createAppender } from '../../../api/audit/append.ts'
import { createSequencer, type Sequencer } from '../../../api/audit/chain/sequence.ts'
import { verifyChain } from '../../../api/audit/chain/verify.ts'
import { createFeed } from '../../../api/server/audit/feed.ts'
import { listEvents } from '../../../api/server/audit/read.ts'
import { connect } from '../../../api/store/connect.ts'
import { testCluster } from '../../support/database/cluster.ts'
import { type TestDatabase, testDatabase } from '../../support/database/database.ts'
import { until } from '../../support/until.ts'
import { placed, sampleEvent } from './sample.ts'

let database: TestDatabase
let appender: Appender
let sequencer: Sequencer
const opened: Array<() => Promise<unknown>> = []

beforeEach(async () => {
  database = await testDatabase()
  appender = createAppender(database.gatewayUrl)
  sequencer = createSequencer(database.serverUrl)
})
afterEach(async () => {
  for (const close of opened.splice(0)) await close()
  await Promise.all([appender.close(), sequencer.close()])
  await database.close()
})

const append = (count: number) =>
  Promise.all(Array.from({ length: count }, (_, n) => appender.append(sampleEvent({ correlation: `c-${n}` }))))

test('every event gets one place, without gaps, and the chain verifies', async () => {
  await append(250)
  await placed(database.db, 250)
  expect(await verifyChain(database.db)).toEqual({ ok: true, events: 250, waiting: 0 })
})

test('when the clock goes back an hour, places follow the order of arrival and the chain verifies (A11)', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  opened.push(async () => vi.useRealTimers())
  const earlier = [sampleEvent(), sampleEvent()]
  vi.setSystemTime(Date.now() - 3_600_000)
  const events = [...earlier, sampleEvent(), sampleEvent()]
  vi.useRealTimers()
  for (const event of events) await appender.append(event)
  await placed(database.db, 4)
  const places = await database.db.selectFrom('audit_chain').select('event_id').orderBy('seq').execute()
  expect(places.map(({ event_id }) => event_id)).toEqual(events.map(({ id }) => id))
  expect(await verifyChain(database.db)).toEqual({ ok: true, events: 4, waiting: 0 })
})

test('an empty log verifies', async () => {
  expect(await verifyChain(database.db)).toEqual({ ok: true, events: 0, waiting: 0 })
})

/** What a superuser can do who silences the triggers first. */
const tampering = [
  {
    what: 'an edited event',
    sql: `UPDATE audit_events SET body = replace(body, '"allow"', '"deny"') WHERE id = ID`,
    seq: 4,
  },
  {
    what: 'an edited event with its leaf recomputed',
    sql: `UPDATE audit_events SET body = replace(body, '"allow"', '"deny"') WHERE id = ID; UPDATE audit_chain c SET leaf_hash = sha256('\\x00'::bytea || convert_to(e.body, 'UTF8')) FROM audit_events e WHERE e.id = c.event_id`,
    seq: 4,
  },
  { what: 'a deleted event', sql: 'DELETE FROM audit_events WHERE id = ID', seq: 4 },
  { what: 'a deleted place', sql: 'DELETE FROM audit_chain WHERE seq = 4', seq: 4 },
  {
    what: 'a deleted event and its place',
    sql: 'DELETE FROM audit_events WHERE id = ID; DELETE FROM audit_chain WHERE seq = 4',
    seq: 4,
  },
  {
    what: 'a deletion with the later places moved up',
    sql: 'DELETE FROM audit_chain WHERE seq = 4; UPDATE audit_chain SET seq = seq - 1 WHERE seq > 4',
    seq: 4,
  },
  {
    what: 'two events that changed places',
    sql: 'UPDATE audit_chain SET seq = -seq WHERE seq IN (4, 6); UPDATE audit_chain SET seq = CASE seq WHEN -4 THEN 6 ELSE 4 END WHERE seq < 0',
    seq: 4,
  },
  {
    what: 'an event that was hidden from the search for its sandbox',
    sql: "UPDATE audit_events SET sandbox = 'sb_0000000000000000' WHERE id = ID",
    seq: 4,
  },
  { what: 'an event that was given another time', sql: 'UPDATE audit_events SET at_ms = 1 WHERE id = ID', seq: 4 },
  { what: 'A02 places cut off the end', sql: 'DELETE FROM audit_chain WHERE seq > 7', seq: null },
]
test.each(tampering)('verify finds $what (A01)', async ({ sql, seq }) => {
  await append(10)
  await placed(database.db, 10)
  await sequencer.close()
  const superuser = connect(database.ownerUrl, { max: 1 })
  opened.push(() => superuser.destroy())
  const target = await superuser
    .selectFrom('audit_chain')
    .select('event_id')
    .where('seq', '=', 4)
    .executeTakeFirstOrThrow()
  const statements = [
    'ALTER TABLE audit_events DISABLE TRIGGER ALL',
    'ALTER TABLE audit_chain DISABLE TRIGGER ALL',
    'ALTER TABLE audit_chain DROP CONSTRAINT audit_chain_seq_check',
    ...sql.replaceAll('ID', `'${target.event_id}'`).split('; '),
  ]
  for (const statement of statements) await superuser.executeQuery(CompiledQuery.raw(statement))
  const verdict = await verifyChain(database.db)
  expect(verdict.ok).toBe(false)
  expect(verdict.problem?.seq).toBe(seq)
})

const wordTampering = [
  { what: 'words that were changed', sql: "UPDATE audit_text SET words = 'x' WHERE first_seq = 129", seq: 129 },
  { what: 'words that were removed', sql: 'DELETE FROM audit_text WHERE first_seq = 1', seq: 1 },
]
test.each(wordTampering)('verify finds $what, by which a search finds events (A21)', async ({ sql, seq }) => {
  await append(260)
  await until('both stretches can be searched', async () => {
    const rows = await database.db.selectFrom('audit_text').select('first_seq').execute()
    return rows.length === 2 ? true : null
  })
  await sequencer.close()
  expect(await verifyChain(database.db)).toEqual({ ok: true, events: 260, waiting: 0 })
  const superuser = connect(database.ownerUrl, { max: 1 })
  opened.push(() => superuser.destroy())
  for (const statement of ['ALTER TABLE audit_text DISABLE TRIGGER ALL', sql])
    await superuser.executeQuery(CompiledQuery.raw(statement))
  expect((await verifyChain(database.db)).problem?.seq).toBe(seq)
})

test('verify says how many events no hash covers yet', async () => {
  await append(10)
  await placed(database.db, 10)
  await sequencer.close()
  await append(3)
  expect(await verifyChain(database.db)).toEqual({ ok: true, events: 10, waiting: 3 })
})

test('a second sequencer waits, and takes over when the first has ended (A10)', async () => {
  const second = createSequencer(database.serverUrl)
  opened.push(() => second.close())
  await until('one of them leads', () => (sequencer.leading() || second.leading() ? true : null))
  await append(20)
  await placed(database.db, 20)
  expect([sequencer.leading(), second.leading()].filter(Boolean)).toHaveLength(1)
  const [first, other] = sequencer.leading() ? [sequencer, second] : [second, sequencer]
  await first.close()
  await append(20)
  await placed(database.db, 40)
  expect(other.leading()).toBe(true)
  expect(await verifyChain(database.db)).toEqual({ ok: true, events: 40, waiting: 0 })
})

test('the feed gives every subscriber each event once and in order, from where it asks', async () => {
  const pool = connect(database.serverUrl)
  const feed = createFeed(pool, database.serverUrl)
  opened.push(
    () => feed.close(),
    () => pool.destroy(),
  )
  await append(450)
  await placed(database.db, 450)
  const seen: Record<string, number[]> = { all: [], late: [], middle: [] }
  const into = (name: string) => (events: Array<{ seq: number }>) => seen[name]?.push(...events.map(({ seq }) => seq))
  await feed.subscribe(0, into('all')).ready
  const gone = feed.subscribe(0, into('gone'))
  gone.unsubscribe()
  const more = append(300)
  const middle = feed.subscribe(400, into('middle'))
  feed.subscribe(null, () => {
    throw new Error('this one cannot take any')
  })
  await Promise.all([more, middle.ready])
  await until('both have everything', () => (seen.all?.length === 750 && seen.middle?.length === 350 ? true : null))
  expect(seen.all).toEqual(Array.from({ length: 750 }, (_, n) => n + 1))
  expect(seen.middle).toEqual(Array.from({ length: 350 }, (_, n) => n + 401))
})

test('a subscriber outlives a database that goes away, and misses nothing', async () => {
  const cluster = await testCluster()
  const pool = connect(cluster.serverUrl)
  const feed = createFeed(pool, cluster.serverUrl)
  const writer = createAppender(cluster.gatewayUrl, { deadlineMs: 20_000 })
  const places = createSequencer(cluster.serverUrl)
  opened.push(
    () => Promise.all([feed.close(), writer.close(), places.close()]),
    () => pool.destroy(),
    () => cluster.close(),
  )
  const seen: number[] = []
  await feed.subscribe(0, (events) => seen.push(...events.map(({ seq }) => seq))).ready
  await writer.append(sampleEvent())
  await until('the first has come', () => (seen.length === 1 ? true : null))
  await cluster.kill()
  const pending = writer.append(sampleEvent())
  const late: number[] = []
  const { ready } = feed.subscribe(0, (events) => late.push(...events.map(({ seq }) => seq)))
  await cluster.start()
  await Promise.all([pending, ready])
  await until('both have come', () => (seen.length === 2 && late.length === 2 ? true : null))
  expect([seen, late]).toEqual([
    [1, 2],
    [1, 2],
  ])
})

test('an event is in the live feed within a second', async () => {
  const pool = connect(database.serverUrl)
  const feed = createFeed(pool, database.serverUrl)
  opened.push(
    () => feed.close(),
    () => pool.destroy(),
  )
  await append(1)
  await placed(database.db, 1)
  const arrived = Promise.withResolvers<number>()
  await feed.subscribe(1, () => arrived.resolve(performance.now())).ready
  const sent = performance.now()
  await append(1)
  expect((await arrived.promise) - sent).toBeLessThan(1_000)
})

test('lists are newest first, page by cursor, and follow with after', async () => {
  await append(25)
  await placed(database.db, 25)
  const first = await listEvents(database.db, { limit: 10 })
  expect(first.items.map(({ seq }) => seq)).toEqual([25, 24, 23, 22, 21, 20, 19, 18, 17, 16])
  const second = await listEvents(database.db, { limit: 20, before: Number(first.cursor) })
  expect(second.items.map(({ seq }) => seq).slice(0, 2)).toEqual([15, 14])
  expect(second.cursor).toBeNull()
  expect((await listEvents(database.db, { limit: 3, after: 20 })).items.map(({ seq }) => seq)).toEqual([21, 22, 23])
})
