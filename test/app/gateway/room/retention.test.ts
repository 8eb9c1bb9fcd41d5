import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { AuditEvent } from '../../../../api/contract/audit.ts'
import type { SandboxId } from '../../../../api/contract/ids.ts'
import { createArchive } from '../../../../api/gateway/terminals/archive/archive.ts'
import { newId } from '../../../../api/ids.ts'
import { connect, type Store } from '../../../../api/store/connect.ts'
import { type TestDatabase, testDatabase } from '../../../support/database/database.ts'
import { gaugeOn, someDisk } from '../../../support/room.ts'
import { until } from '../../../support/until.ts'

const DAY_MS = 86_400_000
let database: TestDatabase
let asGateway: Store
let root: string
let room: Awaited<ReturnType<typeof gaugeOn>>
beforeEach(async () => {
  database = await testDatabase()
  asGateway = connect(database.gatewayUrl, { max: 2 })
  root = await mkdtemp(join(tmpdir(), 'bl-'))
  room = await gaugeOn(someDisk())
})
afterEach(async () => {
  await room.gauge.close()
  await asGateway.destroy()
  await database.close()
  await rm(root, { recursive: true, force: true })
})

const folderOf = (id: SandboxId) => join(root, id)

let slots = 0
/** A sandbox with one recording, whose row was last changed so many days ago. */
async function sandbox(state: string, daysAgo: number) {
  const [id, prototype, owner] = [newId('sb'), newId('pr'), newId('pe')]
  const person = { email: `${owner}@example.org`, name: owner, roles: ['pm'], password_hash: null, disabled_at: null }
  await database.db
    .insertInto('people')
    .values({ id: owner, ...person })
    .execute()
  const made = { title: id, hypothesis: '', label: 'internal', owner_id: owner, policy: 'standard', removed_at: null }
  await database.db
    .insertInto('prototypes')
    .values({ id: prototype, ...made })
    .execute()
  const policy = { policy_name: 'standard', policy_version: 1, runtime: 'runc', user_slot: slots++ }
  const updated_at = new Date(Date.now() - daysAgo * DAY_MS)
  const more = { state, detail: null, image: null, updated_at, ...policy }
  await database.db
    .insertInto('sandboxes')
    .values({ id, prototype_id: prototype, owner_id: owner, ...more })
    .execute()
  await record(id)
  return { id, owner, prototype }
}

async function record(id: SandboxId) {
  const opening = join(folderOf(id), 'main', '1700000000000-abcdefgh')
  await mkdir(opening, { recursive: true })
  await writeFile(join(opening, '0000000000000000.raw'), 'what was shown')
}

function archive(append: (event: AuditEvent) => Promise<void>) {
  const wanted = { personBytes: null, allBytes: null, keptDays: 90 }
  const log = pino({ level: 'silent' })
  return createArchive({ db: asGateway, root, wanted, gauge: room.gauge, append, personOf: () => null, log })
}

test('recordings of a removed sandbox go after their time, and what they were is in the log before (A41)', async () => {
  const old = await sandbox('removed', 91)
  const kept = [await sandbox('removed', 89), await sandbox('claimed', 400), await sandbox('stopped', 400)]
  const nobodys = newId('sb')
  await record(nobodys)
  const events: AuditEvent[] = []
  const running = archive(async (event) => {
    expect(existsSync(folderOf(old.id))).toBe(true)
    events.push(event)
  })
  await until('it is gone', () => !existsSync(folderOf(old.id)) || null)
  await running.close()
  const contents = createHash('sha256').update('what was shown').digest()
  const name = 'main/1700000000000-abcdefgh/0000000000000000.raw'
  const sha256 = createHash('sha256').update(`${name}\n14\n`).update(contents).digest('hex')
  expect(events).toMatchObject([
    {
      kind: 'recording.removed',
      sandbox: old.id,
      person: old.owner,
      prototype: old.prototype,
      detail: { files: 1, bytes: 14, sha256, keptDays: 90 },
    },
  ])
  for (const id of [...kept.map((one) => one.id), nobodys]) expect(existsSync(folderOf(id))).toBe(true)
})

test('what cannot be recorded as removed stays (A41)', async () => {
  const old = await sandbox('removed', 91)
  const tried = { times: 0 }
  const running = archive(async () => {
    tried.times += 1
    throw new Error('the log is away')
  })
  await until('it was tried', () => tried.times > 0 || null)
  await running.close()
  expect(existsSync(folderOf(old.id))).toBe(true)
})

test('what is on hold is kept, however old (A41)', async () => {
  const [old, held] = [await sandbox('removed', 91), await sandbox('removed', 91)]
  const hold = { id: newId('ho'), scope: 'person', person_id: held.owner, sandbox_id: null } as const
  await database.db
    .insertInto('holds')
    .values({ ...hold, reason: 'A test.', placed_by: old.owner })
    .execute()
  const running = archive(async () => {})
  await until('the other is gone', () => !existsSync(folderOf(old.id)) || null)
  await running.close()
  expect(existsSync(folderOf(held.id))).toBe(true)
})

test('one that cannot be removed does not keep the others (A41)', async () => {
  const [first, second] = [await sandbox('removed', 91), await sandbox('removed', 91)]
  const stuck = [first.id, second.id].toSorted()[0]
  const running = archive(async ({ sandbox: id }) => {
    if (id === stuck) throw new Error('not this one')
  })
  const free = stuck === first.id ? second.id : first.id
  await until('the other is gone', () => !existsSync(folderOf(free)) || null)
  await running.close()
})
