import { CompiledQuery, sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connect, type Store } from '../../../api/store/connect.ts'
import { listen } from '../../../api/store/listen.ts'
import { migrate } from '../../../api/store/migrate.ts'
import { type TestCluster, testCluster } from '../../support/database/cluster.ts'
import { type TestDatabase, testDatabase } from '../../support/database/database.ts'
import { until } from '../../support/until.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())
const run = (statement: string) => database.db.executeQuery(CompiledQuery.raw(statement))

test('a test has a migrated, empty database of its own', async () => {
  const rows = await database.db.selectFrom('people').selectAll().execute()
  expect(rows).toEqual([])
})

test('a bigint comes as a number, and one that does not fit is an error', async () => {
  const read = (text: string) => sql<{ n: number }>`SELECT ${sql.raw(text)}::bigint AS n`.execute(database.db)
  expect((await read('9007199254740991')).rows).toEqual([{ n: Number.MAX_SAFE_INTEGER }])
  await expect(read('9007199254740992')).rejects.toThrow(RangeError)
})

describe('the gateway is told at once of', () => {
  let heard: string[]
  let listener: { close(): Promise<void> }
  beforeAll(async () => {
    const ready = Promise.withResolvers<void>()
    listener = listen(database.gatewayUrl, ['doors'], (channel) => heard.push(channel), ready.resolve)
    await ready.promise
    await run("INSERT INTO people (id, email, name, roles) VALUES ('pe_1', 'a@example.org', 'A', '{}')")
  })
  afterAll(() => listener.close())
  beforeEach(() => {
    heard = []
  })

  const PROTOTYPE =
    "INSERT INTO prototypes (id, title, hypothesis, label, owner_id, policy) VALUES ('pr_1', 't', 'h', 'internal', 'pe_1', 'default')"
  const SANDBOX =
    "INSERT INTO sandboxes (id, prototype_id, owner_id, state, policy_name, policy_version, user_slot, runtime) VALUES ('sb_1', 'pr_1', 'pe_1', 'starting', 'default', 1, 0, 'runc')"
  test.each([
    PROTOTYPE,
    SANDBOX,
    "UPDATE sandboxes SET state = 'claimed'",
    "UPDATE prototypes SET label = 'public'",
    "INSERT INTO policies (name, version, hash, body, source, origin) VALUES ('default', 1, '', '{}', '', 'file')",
    "INSERT INTO providers (id, kind, base_url, place) VALUES ('p', 'openai', 'http://x', 'cloud')",
    "UPDATE providers SET sealed_key = 'x'",
    "INSERT INTO model_assignments VALUES ('cloud', 'p', 'm')",
    'DELETE FROM model_assignments',
    'DELETE FROM providers',
  ])('%s', async (statement) => {
    await run(statement)
    await until('the gateway has heard of it', () => (heard.length > 0 ? true : null))
  })

  test('but not of progress, which changes often', async () => {
    await run(`UPDATE sandboxes SET progress = '{"step":1,"steps":2}', detail = 'x'`)
    await run("UPDATE sandboxes SET state = 'paused'")
    await until('the gateway has heard of the state', () => (heard.length > 0 ? true : null))
    expect(heard).toHaveLength(1)
  })
})

describe('with a PostgreSQL of its own', () => {
  let cluster: TestCluster
  let db: Store
  const passwords = { serverPassword: 'server-password', gatewayPassword: 'gateway-password' }
  beforeAll(async () => {
    cluster = await testCluster()
    db = connect(cluster.ownerUrl, { max: 2 })
  })
  afterAll(async () => {
    await db.destroy()
    await cluster.close()
  })

  test('listening goes on after PostgreSQL was killed, and the caller is told to read again', async () => {
    const calls: string[] = []
    const listener = listen(
      cluster.serverUrl,
      ['audit'],
      (_channel, payload) => calls.push(payload),
      () => calls.push('read'),
    )
    const heard = (count: number) => until(`${count} calls came`, () => (calls.length >= count ? true : null))
    await heard(1)
    await sql`SELECT pg_notify('audit', '7')`.execute(db)
    await heard(2)
    await cluster.kill()
    await cluster.start()
    await heard(3)
    await sql`SELECT pg_notify('audit', '8')`.execute(db)
    await heard(4)
    expect(calls).toEqual(['read', '7', 'read', '8'])
    await listener.close()
  })

  test('a pool answers again after PostgreSQL was killed', async () => {
    await sql`SELECT 1`.execute(db)
    await cluster.kill()
    await expect(sql`SELECT 1`.execute(db)).rejects.toThrow()
    await cluster.start()
    await sql`SELECT 1`.execute(db)
  })

  test('migrations run once, however many start them, and give the roles their passwords', async () => {
    await Promise.all([migrate(cluster.ownerUrl, passwords), migrate(cluster.ownerUrl, passwords)])
    const server = connect(cluster.serverUrl.replace(/:[^:@]+@/, `:${passwords.serverPassword}@`), { max: 1 })
    await server.selectFrom('people').selectAll().execute()
    await server.destroy()
  })

  test('a migration that was changed after it ran is refused', async () => {
    await sql`UPDATE migrations SET hash = 'another' WHERE name = '001-foundation.sql'`.execute(db)
    await expect(migrate(cluster.ownerUrl, passwords)).rejects.toThrow('001-foundation.sql was changed after it ran')
  })
})
