/** What each database role may not do. A role that gains a right by accident fails here. */
import { CompiledQuery } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { canonicalJson } from '../../../api/audit/canonical.ts'
import { connect, type Store } from '../../../api/store/connect.ts'
import { type TestDatabase, testDatabase } from '../../support/database/database.ts'
import { sampleEvent } from '../audit/sample.ts'

const event = () => `'${canonicalJson(sampleEvent())}'`
const INSERT_EVENT = () => `INSERT INTO audit_events (body) VALUES (${event()})`
const REFUSED = '42501'

let database: TestDatabase
let as: Record<'owner' | 'server' | 'gateway', Store>
beforeAll(async () => {
  database = await testDatabase()
  as = {
    owner: database.db,
    server: connect(database.serverUrl, { max: 1 }),
    gateway: connect(database.gatewayUrl, { max: 1 }),
  }
  await run('owner', INSERT_EVENT())
})
afterAll(async () => {
  await Promise.all([as.server.destroy(), as.gateway.destroy()])
  await database.close()
})

const run = (role: keyof typeof as, statement: string) => as[role].executeQuery(CompiledQuery.raw(statement))

const everybody: Array<keyof typeof as> = ['owner', 'server', 'gateway']
const nobodyMay = [
  `UPDATE audit_events SET body = body`,
  'DELETE FROM audit_events',
  'TRUNCATE audit_events',
  'UPDATE audit_chain SET seq = seq',
  'DELETE FROM audit_chain',
  'TRUNCATE audit_chain',
  'TRUNCATE audit_events, audit_chain CASCADE',
  'UPDATE audit_text SET words = words',
  'DELETE FROM audit_text',
  'TRUNCATE audit_text',
]
describe.each(everybody)('the audit log can only be added to, also by %s', (role) => {
  test.each(nobodyMay)('%s', async (statement) => {
    await expect(run(role, statement)).rejects.toMatchObject({ code: REFUSED })
  })
})

const serverMayNot = [
  'SELECT sealed_key FROM providers',
  'SELECT * FROM providers',
  "INSERT INTO providers (id, kind, base_url, place) VALUES ('x', 'openai', 'http://x', 'cloud')",
  "UPDATE providers SET base_url = 'http://x'",
  'DELETE FROM providers',
  'UPDATE policies SET body = body',
  'DELETE FROM policies',
  'DELETE FROM people',
  'DELETE FROM prototypes',
  'DELETE FROM sandboxes',
  'INSERT INTO audit_unsequenced VALUES (0, 1)',
  'UPDATE audit_unsequenced SET priority = 0',
  'TRUNCATE audit_unsequenced',
  "INSERT INTO audit_text VALUES (1, 'x')",
]
const gatewayMayNot = [
  'SELECT body FROM audit_events',
  'SELECT id FROM audit_events',
  'SELECT * FROM audit_chain',
  "INSERT INTO audit_chain VALUES (1, gen_random_uuid(), decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'))",
  'SELECT * FROM audit_unsequenced',
  'SELECT * FROM audit_text',
  'SELECT audit_add_words()',
  'SELECT audit_words_from(1)',
  'DELETE FROM audit_unsequenced',
  'SELECT * FROM people',
  'SELECT * FROM sessions',
  'SELECT * FROM sign_in_links',
  'SELECT * FROM api_tokens',
  'SELECT * FROM idempotency_keys',
  "UPDATE sandboxes SET state = 'ready'",
  "UPDATE prototypes SET label = 'public'",
  'INSERT INTO policies SELECT * FROM policies',
  "INSERT INTO model_assignments VALUES ('cloud', 'x', 'y')",
  'DELETE FROM model_assignments',
]
const neitherMay = [
  'ALTER TABLE audit_events DISABLE TRIGGER ALL',
  'DROP TABLE audit_events',
  'DROP TRIGGER insert_only ON audit_events',
  'CREATE OR REPLACE FUNCTION audit_insert_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
  'CREATE TABLE mine (x int)',
  'CREATE ROLE mine SUPERUSER',
  'GRANT backlot_server TO backlot_gateway',
  'SET session_replication_role = replica',
  'SET ROLE backlot_owner',
  "COPY (SELECT 1) TO PROGRAM 'id'",
  "SELECT pg_read_file('/etc/passwd')",
  'SELECT * FROM migrations',
]
const refusals = [
  { role: 'server' as const, statements: [...serverMayNot, ...neitherMay, 'SET ROLE backlot_gateway'] },
  { role: 'gateway' as const, statements: [...gatewayMayNot, ...neitherMay, 'SET ROLE backlot_server'] },
]
describe.each(refusals)('$role may not', ({ role, statements }) => {
  test.each(statements)('%s', async (statement) => {
    await expect(run(role, statement)).rejects.toMatchObject({ code: REFUSED })
  })
})

const allowed: Array<[keyof typeof as, string]> = [
  ['server', 'SELECT id, kind, base_url, place, has_key, created_at, updated_at FROM providers'],
  ['server', 'SELECT body FROM audit_events'],
  ['server', 'DELETE FROM audit_unsequenced WHERE false'],
  ['server', 'SELECT audit_add_words()'],
  ['gateway', 'SELECT sealed_key FROM providers'],
  ['gateway', 'SELECT * FROM sandboxes, prototypes, policies, model_assignments'],
]
test.each(allowed)('%s may: %s', async (role, statement) => {
  await run(role, statement)
})

test.each(['server', 'gateway'] as const)('%s may add an event, which then waits for its place', async (role) => {
  const before = await waiting()
  await run(role, INSERT_EVENT())
  expect(await waiting()).toBe(before + 1)
})

test.each([
  [
    'another id than its body says',
    `INSERT INTO audit_events (body, id) VALUES (${event()}, gen_random_uuid())`,
    REFUSED,
  ],
  ['a number of its own', `INSERT INTO audit_events (body, arrival) VALUES (${event()}, 1)`, '428C9'],
  [
    'a number of its own by force',
    `INSERT INTO audit_events (body, arrival) OVERRIDING SYSTEM VALUE VALUES (${event()}, 1)`,
    REFUSED,
  ],
  ['a priority of its own', `INSERT INTO audit_events (body, priority) VALUES (${event()}, 0)`, REFUSED],
  ['a sandbox of its own', `INSERT INTO audit_events (body, sandbox) VALUES (${event()}, 'sb_x')`, REFUSED],
  ['no id', `INSERT INTO audit_events (body) VALUES ('{}')`, '23502'],
  ['no JSON', `INSERT INTO audit_events (body) VALUES ('nonsense')`, '22P02'],
])('an event cannot be given %s', async (_what, statement, code) => {
  await expect(run('gateway', statement)).rejects.toMatchObject({ code })
})

test('columns say what the body says, also when the owner names others', async () => {
  const written = sampleEvent({ sandbox: 'sb_aaaaaaaaaaaaaaaa' })
  await run(
    'owner',
    `INSERT INTO audit_events (body, id, kind, at_ms, sandbox, decision, correlation, priority)
     VALUES ('${canonicalJson(written)}', gen_random_uuid(), 'x', 1, 'sb_x', 'x', 'x', 0)`,
  )
  const { kind, sandbox, priority } = await as.owner
    .selectFrom('audit_events')
    .select(['kind', 'sandbox', 'priority'])
    .where('id', '=', written.id)
    .executeTakeFirstOrThrow()
  expect({ kind, sandbox, priority }).toEqual({ kind: written.kind, sandbox: written.sandbox, priority: 2 })
})

test('columns say what the body says, also for a writer with types of its own (A21)', async () => {
  const written = sampleEvent({ sandbox: 'sb_aaaaaaaaaaaaaaaa' })
  await as.gateway.connection().execute(async (connection) => {
    const statements = [
      ...['jsonb', 'text', 'uuid', 'int8'].map((name) => `CREATE DOMAIN pg_temp.${name} AS pg_catalog.bool`),
      'SET search_path = pg_temp, public, pg_catalog',
      `INSERT INTO public.audit_events (body) VALUES ('${canonicalJson(written)}')`,
      'DISCARD ALL',
    ]
    for (const statement of statements) await connection.executeQuery(CompiledQuery.raw(statement))
  })
  const row = await as.owner.selectFrom('audit_events').select('sandbox').where('id', '=', written.id).execute()
  expect(row).toEqual([{ sandbox: written.sandbox }])
})

test('triggers hold under session_replication_role = replica, which silences ordinary ones', async () => {
  await as.owner.connection().execute(async (connection) => {
    await connection.executeQuery(CompiledQuery.raw('SET session_replication_role = replica'))
    const attempt = connection.executeQuery(CompiledQuery.raw('DELETE FROM audit_events'))
    await expect(attempt).rejects.toMatchObject({ code: REFUSED })
    await connection.executeQuery(CompiledQuery.raw('RESET session_replication_role'))
  })
})

async function waiting(): Promise<number> {
  const rows = await database.db.selectFrom('audit_unsequenced').select('arrival').execute()
  return rows.length
}
