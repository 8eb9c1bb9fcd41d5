import { CompiledQuery } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAppender } from '../../../../api/audit/append.ts'
import { createSequencer } from '../../../../api/audit/chain/sequence.ts'
import { verifyChain } from '../../../../api/audit/chain/verify.ts'
import { auditEvent } from '../../../../api/audit/event.ts'
import { auditList } from '../../../../api/contract/audit.ts'
import { listEvents } from '../../../../api/server/audit/read.ts'
import type { EventQuery } from '../../../../api/server/audit/select.ts'
import { connect, type Store } from '../../../../api/store/connect.ts'
import { type TestDatabase, testDatabase } from '../../../support/database/database.ts'
import { placed, sampleEvent } from '../../audit/sample.ts'

const PERSON = 'pe_aaaaaaaaaaaaaaaa'
const PROTOTYPE = 'pr_aaaaaaaaaaaaaaaa'
const SANDBOX = 'sb_aaaaaaaaaaaaaaaa'
const FORGED = 'a.example\n{"seq":1,"decision":"allow"}\u001b[2K\u202e"><script>alert(1)</script>'
const UNREADABLE =
  '{"id":"01890000-0000-7000-8000-000000000000","kind":"nonsense","at":1,"decision":"allow","correlation":"x","more":"\\u202e"}'

let database: TestDatabase
let db: Store
beforeAll(async () => {
  database = await testDatabase()
  db = connect(database.serverUrl)
  await db
    .insertInto('people')
    .values({
      id: PERSON,
      email: 'ada@example.org',
      name: 'Ada \u202eL',
      password_hash: null,
      roles: ['pm'],
      disabled_at: null,
    })
    .execute()
  await db
    .insertInto('prototypes')
    .values({
      id: PROTOTYPE,
      title: 'Shop',
      hypothesis: '',
      label: 'internal',
      owner_id: PERSON,
      policy: 'default',
      removed_at: null,
    })
    .execute()
  const sequencer = createSequencer(database.serverUrl)
  const appender = createAppender(database.gatewayUrl)
  await appender.append(sampleEvent({ person: PERSON, prototype: PROTOTYPE, sandbox: SANDBOX, correlation: 'named' }))
  await appender.append(
    sampleEvent({
      decision: 'deny',
      reason: 'no-rule',
      correlation: 'denied',
      detail: { host: 'Denied."quoted".example' },
    }),
  )
  const by = { type: 'person', id: PERSON } as const
  await appender.append(
    auditEvent('session.ended', { actor: by, decision: 'info', reason: 'asked-for', correlation: 'actor', detail: {} }),
  )
  await appender.append(sampleEvent({ correlation: 'forged', detail: { host: FORGED, path: 'p'.repeat(10_000_000) } }))
  const gateway = connect(database.gatewayUrl, { max: 1 })
  await gateway.executeQuery(CompiledQuery.raw(`INSERT INTO audit_events (body) VALUES ('${UNREADABLE}')`))
  await placed(db, 5)
  await Promise.all([gateway.destroy(), appender.close(), sequencer.close()])
})
afterAll(async () => {
  await db.destroy()
  await database.close()
})

const filters: Array<[what: string, filter: Omit<EventQuery, 'limit'>, correlations: string[]]> = [
  ['nothing: everything, newest first', {}, ['x', 'forged', 'actor', 'denied', 'named']],
  ['a decision', { decision: 'deny' }, ['denied']],
  ['a kind', { kind: ['session.ended'] }, ['actor']],
  ['several kinds', { kind: ['session.ended', 'kill.ordered'] }, ['actor']],
  ['kinds that never happened', { kind: ['kill.ordered'] }, []],
  ['a prototype', { prototype: PROTOTYPE }, ['named']],
  ['a prototype of nobody', { prototype: 'pr_bbbbbbbbbbbbbbbb' }, []],
  ['text in the name of the person', { text: 'ADA' }, ['actor', 'named']],
  ['text in the title of the prototype', { text: 'sHOp' }, ['named']],
  ['text in a title, narrowed by another part', { text: 'shop', decision: 'deny' }, []],
  ['a time that has passed', { until: 2 }, ['x']],
  ['a time since then', { since: 2 }, ['forged', 'actor', 'denied', 'named']],
  ['a moment in between', { since: 1, until: 1 }, []],
  ['a sandbox', { sandbox: SANDBOX }, ['named']],
  ['a person, on whose behalf or by themselves', { person: PERSON }, ['actor', 'named']],
  ['text in any case', { text: 'DENIED.' }, ['denied']],
  ['text with quotes', { text: '"quoted"' }, ['denied']],
  ['text that is a pattern elsewhere', { text: '%' }, []],
  ['text with a letter that stands for any other elsewhere', { text: 'Denied_' }, []],
  ['text with a backslash', { text: '\\u{202e}' }, ['forged']],
  ['SQL', { text: "' OR true --" }, []],
]
test.each(filters)('a list can ask for %s', async (_what, filter, correlations) => {
  const { items } = await listEvents(db, { limit: 50, ...filter })
  // An event that cannot be read has its own id as correlation.
  expect(items.map((item) => (item.reason === 'unreadable-event' ? 'x' : item.correlation))).toEqual(correlations)
})

test('events carry the names of the person and the prototype, made harmless', async () => {
  const { items } = await listEvents(db, { limit: 10 })
  const names = Object.fromEntries(items.map((item) => [item.correlation, item.names]))
  expect(names.named).toEqual({ person: 'Ada \\u{202e}L', prototype: 'Shop' })
  expect(names.actor).toEqual({ person: 'Ada \\u{202e}L', prototype: null })
  expect(names.denied).toEqual({ person: null, prototype: null })
})

test('a forged line stays one escaped, capped event (A08)', async () => {
  const { items } = await listEvents(db, { limit: 10, text: 'a.example' })
  expect(items).toHaveLength(1)
  expect(items[0]?.detail.host).toBe(
    'a.example\\n{"seq":1,"decision":"allow"}\\u{1b}[2K\\u{202e}"><script>alert(1)</script>',
  )
  expect(String(items[0]?.detail.path)).toHaveLength(4096)
})

test('what a stolen writer password puts in the log is shown as unreadable, and hides nothing', async () => {
  const list = await listEvents(db, { limit: 10 })
  expect(auditList.parse(list)).toEqual(list)
  expect(list.items[0]).toMatchObject({ seq: 5, decision: 'deny', reason: 'unreadable-event' })
  expect(list.items[0]?.detail.unreadable).toContain('nonsense')
  expect(await verifyChain(db)).toEqual({ ok: true, events: 5, waiting: 0 })
})
