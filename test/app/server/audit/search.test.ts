/** A text is found wherever in the log it stands: in stretches that have their words, in the newest that have none yet, across both. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAppender } from '../../../../api/audit/append.ts'
import { createSequencer } from '../../../../api/audit/chain/sequence.ts'
import { listEvents } from '../../../../api/server/audit/read.ts'
import { connect, type Store } from '../../../../api/store/connect.ts'
import { type TestDatabase, testDatabase } from '../../../support/database/database.ts'
import { until } from '../../../support/until.ts'
import { placed, sampleEvent } from '../../audit/sample.ts'

/** More than are looked through before the index is asked. */
const EVENTS = 12_000
const LAST_LISTED = 93 * 128
/** Every 100th says so, every 1,000th says something rare, one says what only it says. */
const hostOf = (n: number) =>
  n === 1_234
    ? 'Only.example'
    : n % 1_000 === 0
      ? 'rare.example'
      : n % 100 === 0
        ? 'now-and-then.example'
        : 'often.example'
const placesOf = (host: string) =>
  Array.from({ length: EVENTS }, (_, n) => n + 1)
    .filter((n) => hostOf(n) === host)
    .toReversed()

let database: TestDatabase
let db: Store
beforeAll(async () => {
  database = await testDatabase()
  db = connect(database.serverUrl)
  const appender = createAppender(database.gatewayUrl, { deadlineMs: 60_000 })
  const sequencer = createSequencer(database.serverUrl)
  await Promise.all(
    Array.from({ length: EVENTS }, (_, n) => appender.append(sampleEvent({ detail: { host: hostOf(n + 1) } }))),
  )
  await placed(db, EVENTS)
  await until('all whole stretches have their words', async () => {
    const rows = await db.selectFrom('audit_text').select('first_seq').execute()
    return rows.length * 128 === LAST_LISTED ? true : null
  })
  await Promise.all([appender.close(), sequencer.close()])
})
afterAll(async () => {
  await db.destroy()
  await database.close()
})

const seqsOf = async (asked: Parameters<typeof listEvents>[1]) =>
  (await listEvents(db, asked)).items.map(({ seq }) => seq)

test.each(['rare.example', 'now-and-then.example', 'Only.example'])(
  '%s is found everywhere, newest first',
  async (host) => {
    expect(await seqsOf({ text: host.toUpperCase(), limit: 500 })).toEqual(placesOf(host))
  },
)

test.each([1, 3, 7])('pages of %i hold each match once', async (limit) => {
  const found: number[] = []
  let before: number | undefined
  for (;;) {
    const { items, cursor } = await listEvents(db, { text: 'now-and-then', limit, before })
    found.push(...items.map(({ seq }) => seq))
    if (cursor === null) break
    before = Number(cursor)
  }
  expect(found).toEqual(placesOf('now-and-then.example'))
})

test.each([1, 3, 500])('with a place to go on from, oldest first, at most %i', async (limit) => {
  const expected = placesOf('rare.example')
    .toReversed()
    .filter((seq) => seq > 1_500)
    .slice(0, limit)
  expect(await seqsOf({ text: 'rare.example', after: 1_500, limit })).toEqual(expected)
})

test('between two places nothing else is found', async () => {
  expect(await seqsOf({ text: 'rare.example', after: 1_999, before: 2_001, limit: 5 })).toEqual([2_000])
  expect(await seqsOf({ text: 'rare.example', before: 1_000, limit: 5 })).toEqual([])
})

test('a text that is too short for the index is found too', async () => {
  expect(await seqsOf({ text: 'y.', limit: 500 })).toEqual(placesOf('Only.example'))
})

test('with another part of the filter both must hold', async () => {
  expect(await seqsOf({ text: 'rare.example', decision: 'deny', limit: 5 })).toEqual([])
})

test('the name of a field is no text of the event', async () => {
  expect(await seqsOf({ text: '"host":', limit: 5 })).toEqual([])
})
