/** The order and the pace of places when much waits, as after a stall. */
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { appendIn } from '../../../api/audit/append.ts'
import { canonicalJson } from '../../../api/audit/canonical.ts'
import { createSequencer, type Sequencer } from '../../../api/audit/chain/sequence.ts'
import { verifyChain } from '../../../api/audit/chain/verify.ts'
import { auditEvent } from '../../../api/audit/event.ts'
import { newId } from '../../../api/ids.ts'
import { connect, type Store } from '../../../api/store/connect.ts'
import { type TestDatabase, testDatabase } from '../../support/database/database.ts'
import { until } from '../../support/until.ts'
import { placed, sampleEvent } from './sample.ts'

const BACKLOG = 100_000
/** Alone on two cores it takes three seconds; npm run bench has the figure. */
const GENEROUS_MS = 60_000

let database: TestDatabase
let db: Store
const sequencers: Sequencer[] = []
beforeEach(async () => {
  database = await testDatabase()
  db = connect(database.serverUrl, { max: 3 })
})
afterEach(async () => {
  for (const sequencer of sequencers.splice(0)) await sequencer.close()
  await db.destroy()
  await database.close()
})
const startSequencer = () => void sequencers.push(createSequencer(database.serverUrl))

/** What a sandbox did, many times: one body with other ids. */
async function flood(count: number) {
  const body = canonicalJson(sampleEvent())
  const id = /"id":"[0-9a-f-]{36}"/.exec(body)?.[0]
  await sql`
    INSERT INTO audit_events (body)
    SELECT replace(${body}, ${id}, '"id":"' || gen_random_uuid() || '"') FROM generate_series(1, ${count}::int)
  `.execute(database.db)
}
const stop = () =>
  auditEvent('kill.ordered', {
    actor: { type: 'person', id: newId('pe') },
    decision: 'info',
    reason: 'ordered',
    detail: { scope: 'everything', target: null, why: null },
  })
const append = (event: Parameters<typeof appendIn>[1]) =>
  db.transaction().execute((transaction) => appendIn(transaction, event))
const placeOf = async (id: string) =>
  (await db.selectFrom('audit_chain').select('seq').where('event_id', '=', id).executeTakeFirst())?.seq ?? null

test('100,000 that wait are placed in seconds, a stop and a refusal before them (A20)', {
  timeout: 180_000,
}, async () => {
  await flood(BACKLOG)
  const denied = sampleEvent({ decision: 'deny', reason: 'no-rule' })
  const kill = stop()
  await append(denied)
  await append(kill)
  const began = performance.now()
  startSequencer()
  await until(
    'everything has a place',
    async () => {
      const { waiting } = await verifyCounts()
      return waiting === 0 ? true : null
    },
    GENEROUS_MS,
  )
  expect(performance.now() - began).toBeLessThan(GENEROUS_MS)
  expect([await placeOf(kill.id), await placeOf(denied.id)]).toEqual([1, 2])
  expect(await verifyChain(database.db)).toEqual({ ok: true, events: BACKLOG + 2, waiting: 0 })
})

async function verifyCounts() {
  const { waiting } = await db
    .selectFrom('audit_unsequenced')
    .select(({ fn }) => fn.countAll<number>().as('waiting'))
    .executeTakeFirstOrThrow()
  return { waiting }
}

test('a stop that comes while a backlog is placed goes before what is left of it', { timeout: 120_000 }, async () => {
  await flood(60_000)
  startSequencer()
  await until('the first have a place', async () => ((await verifyCounts()).waiting < 60_000 ? true : null))
  const kill = stop()
  await append(kill)
  await until('nothing waits', async () => ((await verifyCounts()).waiting === 0 ? true : null), GENEROUS_MS)
  expect(await placeOf(kill.id)).toBeLessThan(60_001)
})

test('what is committed late gets its place, though later arrivals were placed before it', async () => {
  startSequencer()
  const late = sampleEvent()
  const holding = Promise.withResolvers<void>()
  const written = Promise.withResolvers<void>()
  const transaction = db.transaction().execute(async (trx) => {
    await appendIn(trx, late)
    written.resolve()
    await holding.promise
  })
  await written.promise
  await append(sampleEvent())
  await append(sampleEvent())
  await placed(db, 2)
  holding.resolve()
  await transaction
  await placed(db, 3)
  expect(await placeOf(late.id)).toBe(3)
})
