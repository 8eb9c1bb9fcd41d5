/** All instances of the gateway behind the one interface that the server knows. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { SandboxId } from '../../../api/contract/ids.ts'
import { newId } from '../../../api/ids.ts'
import { createGatewayClient } from '../../../api/server/nodes/gateway.ts'
import { createGateways } from '../../../api/server/nodes/gateways.ts'
import { chooseGateway, moveSandboxes } from '../../../api/server/nodes/placement.ts'
import { type TestDatabase, testDatabase } from '../../support/database/database.ts'
import { type Call, startGatewayPeer } from '../../support/sandbox/gateway-peer.ts'

const closers: (() => Promise<unknown> | unknown)[] = []
let folder: string
let database: TestDatabase
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bl-'))
  database = await testDatabase()
})
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
  await database.close()
  await rm(folder, { recursive: true, force: true })
})

const socketOf = (instance: number) => join(folder, `${instance}.sock`)

/** Instances by the contract; null: one that is there and answers nothing. */
async function gateways(...each: ('works' | 'away' | 'hangs')[]) {
  const calls: string[][] = each.map(() => [])
  for (const [instance, how] of each.entries()) {
    const socketPath = socketOf(instance)
    if (how === 'works') {
      const wish = ({ method, path }: Call) => void calls[instance]?.push(`${method} ${path}`)
      const peer = await startGatewayPeer({ hasPorter: () => true, ownerOf: () => null, wish, socketPath })
      closers.push(peer.close)
    } else if (how === 'hangs') {
      const server = createServer((socket) => void closers.push(() => socket.destroy()))
      await new Promise<void>((done) => server.listen(socketPath, done))
      closers.push(() => void server.close())
    }
  }
  const clients = each.map((_, instance) => createGatewayClient(socketOf(instance)))
  const gateway = createGateways(database.db, clients)
  closers.push(() => gateway.close())
  return { gateway, calls }
}

let slot = 0
async function sandbox(gateway: number, state = 'claimed'): Promise<SandboxId> {
  const [person, prototype, id] = [newId('pe'), newId('pr'), newId('sb')]
  const someone = {
    email: `${person}@example.org`,
    name: person,
    roles: ['pm'],
    password_hash: null,
    disabled_at: null,
  }
  await database.db
    .insertInto('people')
    .values({ id: person, ...someone })
    .execute()
  const made = { title: 'T', hypothesis: '', label: 'internal', policy: 'standard', removed_at: null }
  await database.db
    .insertInto('prototypes')
    .values({ id: prototype, owner_id: person, ...made })
    .execute()
  const policy = { policy_name: 'standard', policy_version: 1, runtime: 'runc', user_slot: slot++ }
  await database.db
    .insertInto('sandboxes')
    .values({ id, prototype_id: prototype, owner_id: person, state, gateway, ...policy })
    .execute()
  return id
}

const command = { argv: ['echo', 'here'], cwd: '/', timeoutMs: 1_000 }

test('what concerns a sandbox goes to the instance that has it', async () => {
  const { gateway, calls } = await gateways('works', 'works')
  const ids = [await sandbox(0), await sandbox(1)]
  for (const id of ids) {
    await gateway.openDoor(id)
    expect((await gateway.exec(id, command)).stdout).toBe('here\n')
    await gateway.kill({ scope: 'sandbox', id })
  }
  for (const [instance, id] of ids.entries())
    expect(calls[instance]).toEqual([`PUT /sandboxes/${id}`, `POST /sandboxes/${id}/exec`, 'POST /kill'])
})

test.each(['away', 'hangs'] as const)('one that %s is nobody else’s trouble', async (how) => {
  const { gateway, calls } = await gateways(how, 'works')
  const [theirs, ours, person] = [await sandbox(0), await sandbox(1), newId('pe')]
  await gateway.openDoor(ours)
  expect((await gateway.exec(ours, command)).stdout).toBe('here\n')
  expect(await gateway.health()).toEqual({
    ok: false,
    audit: true,
    reason: 'gateway/0: It does not answer, and is started again by itself.',
  })
  expect(await gateway.states()).toEqual([
    { name: 'gateway/0', trouble: 'It does not answer, and is started again by itself.', running: 1, all: 1 },
    { name: 'gateway/1', trouble: null, running: 1, all: 1 },
  ])
  const provider = { kind: 'openai', baseUrl: 'https://models.example.org', place: 'cloud' } as const
  await gateway.saveProvider('acme', provider, person)
  await gateway.testProvider('acme', person)

  const startedAt = performance.now()
  await expect(gateway.kill({ scope: 'everything' })).rejects.toMatchObject({ code: 'gateway_unavailable' })
  expect(performance.now() - startedAt).toBeLessThan(10_000)
  expect(calls[1]).toContain('POST /kill')
  await expect(gateway.kill({ scope: 'sandbox', id: theirs })).rejects.toMatchObject({ code: 'gateway_unavailable' })
})

test('when none answers, that is what providers and people are told', async () => {
  const { gateway } = await gateways('away', 'away')
  await expect(gateway.removeProvider('acme', newId('pe'))).rejects.toMatchObject({ code: 'gateway_unavailable' })
  expect((await gateway.health()).reason).toMatch(/^gateway\/0: It does not answer.* gateway\/1: It does not answer/)
})

test('a sandbox of an instance that is no more waits until it has another', async () => {
  const { gateway, calls } = await gateways('works')
  const id = await sandbox(3)
  await expect(gateway.doorStatus(id)).rejects.toMatchObject({ code: 'gateway_unavailable' })
  expect(await moveSandboxes(database.db, 3, 1)).toBe(1)
  expect(await gateway.doorStatus(id)).toMatchObject({ open: false })
  expect(calls).toEqual([[`GET /sandboxes/${id}`]])
})

test('without a database nobody is asked', async () => {
  const { gateway } = await gateways('works')
  const id = await sandbox(0)
  await database.db.schema.alterTable('sandboxes').renameTo('sandboxes_away').execute()
  await expect(gateway.doorStatus(id)).rejects.toMatchObject({ code: 'gateway_unavailable' })
})

test('new sandboxes go to the one with the fewest that run, and those of one that is no more to all', async () => {
  const choose = () => chooseGateway(database.db, 3)
  expect(await choose()).toBe(0)
  await Promise.all([sandbox(0), sandbox(1, 'stopped'), sandbox(2, 'removed')])
  expect(await choose()).toBe(2)
  for (const _ of Array.from({ length: 6 })) await sandbox(5)
  await moveSandboxes(database.db, 5, 3)
  const rows = await database.db.selectFrom('sandboxes').select(['gateway', 'state']).execute()
  const running = [0, 1, 2].map(
    (instance) => rows.filter(({ gateway, state }) => gateway === instance && state === 'claimed').length,
  )
  expect(running.toSorted()).toEqual([2, 2, 3])
})
