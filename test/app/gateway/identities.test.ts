/** By which policy the gateway judges a sandbox, as the database says it. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { SandboxId } from '../../../api/contract/ids.ts'
import type { PolicyInForce } from '../../../api/contract/policy.ts'
import type { SandboxState } from '../../../api/contract/prototypes.ts'
import { createIdentities } from '../../../api/gateway/identities.ts'
import { policyOf } from '../../../api/gateway/identity.ts'
import { newId } from '../../../api/ids.ts'
import { type TestDatabase, testDatabase } from '../../support/database/database.ts'
import { standardPolicy } from '../../support/server/server.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
  const narrow = { ...standardPolicy.sandbox, memoryBytes: 2 ** 29, perPerson: 1 }
  await insertPolicy(standardPolicy)
  await insertPolicy({ ...standardPolicy, version: 2, description: 'Newer', sandbox: narrow })
})
afterAll(() => database.close())

const insertPolicy = (policy: PolicyInForce, body: unknown = policy) =>
  database.db
    .insertInto('policies')
    .values({
      ...{ name: policy.name, version: policy.version, hash: policy.hash, body: JSON.stringify(body) },
      ...{ source: '', origin: 'api', file_hash: null, created_by: null },
    })
    .execute()

let slot = 0
async function sandbox(version: number, container: number | null = null, state: SandboxState = 'claimed') {
  const [id, prototype, person] = [newId('sb'), newId('pr'), newId('pe')]
  const { db } = database
  const someone = { email: `${id}@example.org`, name: 'A', roles: ['pm'], password_hash: null, disabled_at: null }
  const of = { title: 'A', hypothesis: '', label: 'internal', policy: 'standard', removed_at: null, owner_id: person }
  await db
    .insertInto('people')
    .values({ id: person, ...someone })
    .execute()
  await db
    .insertInto('prototypes')
    .values({ id: prototype, ...of })
    .execute()
  const policy = { policy_name: 'standard', policy_version: version, container_version: container }
  await db
    .insertInto('sandboxes')
    .values({
      ...{ id, prototype_id: prototype, owner_id: person, state, detail: null, runtime: 'runc', image: null },
      ...{ ...policy, user_slot: slot++ },
    })
    .execute()
  return id
}

test('each by the version of its row, and its container by the one that made it', async () => {
  const [old, new_, waiting] = [await sandbox(1), await sandbox(2), await sandbox(2, 1)]
  const identities = createIdentities(database.db, 0)
  await identities.refresh()
  const seen = (id: SandboxId) => {
    const identity = identities.identityOf(id)
    const { description, sandbox } = identity?.policy ?? standardPolicy
    return [policyOf(identity), description, sandbox.memoryBytes, sandbox.perPerson]
  }
  expect(seen(old)).toEqual([{ name: 'standard', version: 1 }, '', 2 ** 31, 3])
  expect(seen(new_)).toEqual([{ name: 'standard', version: 2 }, 'Newer', 2 ** 29, 1])
  expect(seen(waiting)).toEqual([{ name: 'standard', version: 2, container: 1 }, 'Newer', 2 ** 31, 1])
})

test('a version is parsed once, for any number of sandboxes and readings', async () => {
  const [one, other] = [await sandbox(1), await sandbox(1)]
  const identities = createIdentities(database.db, 0)
  await identities.refresh()
  const policy = identities.identityOf(one)?.policy
  expect(policy).toBeDefined()
  expect(identities.identityOf(other)?.policy.egress).toBe(policy?.egress)
  await identities.refresh()
  expect(identities.identityOf(other)?.policy.egress).toBe(policy?.egress)
})

test('one that does not parse denies its own sandboxes, and no others', async () => {
  await insertPolicy({ ...standardPolicy, version: 9 }, { name: 'standard', egress: 'everything' })
  const [broken, other] = [await sandbox(9), await sandbox(1)]
  onTestFinished(() => void database.db.deleteFrom('sandboxes').where('id', '=', broken).execute())
  const identities = createIdentities(database.db, 0)
  await identities.refresh()
  expect([identities.identityOf(broken), (await identities.everywhere()).has(broken)]).toEqual([null, true])
  expect(identities.identityOf(other)).not.toBeNull()
})

test.each(['building', 'starting', 'stopped', 'failed', 'paused'] as const)(
  'nothing is judged for one that is %s',
  async (state) => {
    const id = await sandbox(1, null, state)
    const identities = createIdentities(database.db, 0)
    await identities.refresh()
    expect(identities.identityOf(id)).toBeNull()
  },
)

test('a reading that ends late does not undo a newer one', async () => {
  const id = await sandbox(1)
  const [read, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let isFirst = true
  const late = database.db.withPlugin({
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      if (!isFirst) return result
      isFirst = false
      read.resolve()
      await goOn.promise
      return result
    },
  })
  const identities = createIdentities(late, 0)
  const older = identities.refresh()
  await read.promise
  await database.db.updateTable('sandboxes').set({ state: 'stopped' }).where('id', '=', id).execute()
  await identities.refresh()
  goOn.resolve()
  await older
  expect(identities.identityOf(id)).toBeNull()
})

test('a row that does not parse denies its own sandbox, and no others', async () => {
  const [broken, other] = [await sandbox(1), await sandbox(1)]
  const { prototype_id } = await database.db
    .selectFrom('sandboxes')
    .select('prototype_id')
    .where('id', '=', broken)
    .executeTakeFirstOrThrow()
  const label = (text: string) =>
    database.db.updateTable('prototypes').set({ label: text }).where('id', '=', prototype_id).execute()
  const identities = createIdentities(database.db, 0)
  await identities.refresh()
  await label('of a later version')
  onTestFinished(() => void label('internal'))
  await database.db.updateTable('sandboxes').set({ state: 'stopped' }).where('id', '=', other).execute()
  await identities.refresh()
  expect([identities.identityOf(broken), identities.identityOf(other)]).toEqual([null, null])
})
