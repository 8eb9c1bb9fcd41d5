/** Several instances of the gateway over one database and one state folder, in one process. */
import { existsSync } from 'node:fs'
import { sql } from 'kysely'
import pino from 'pino'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { isListening } from '../../../../api/flow/socket-lock.ts'
import { replaceRetired } from '../../../../api/server/nodes/retired.ts'
import { CONNECTIONS } from '../../../../api/store/connections.ts'
import { json, openProvider } from '../../../support/models/provider.ts'
import { until } from '../../../support/until.ts'
import { type RealGateway, startRealGateway } from './world.ts'

let world: RealGateway
beforeEach(async () => {
  world = await startRealGateway({ gateways: 2 })
})
afterEach(() => world.close())

const client = (instance: number) => {
  const found = world.clients[instance]
  if (!found) throw new Error(`there is no gateway/${instance}`)
  return found
}
/** A sandbox of that instance, in use, with an open tunnel. */
async function claimed(gateway: number) {
  const person = await world.person()
  const id = await world.sandbox(person, 'building', gateway)
  await world.claim(id)
  return { id, person, tunnel: await world.tunnel(id) }
}
const isClosed = (tunnel: { isOpen(): Promise<boolean> }) =>
  until('it is closed', async () => ((await tunnel.isOpen()) ? null : true), 2_000)

test('each opens the doors of its own sandboxes, and no others', async () => {
  const ids = [await world.sandbox(undefined, 'starting', 0), await world.sandbox(undefined, 'starting', 1)] as const
  for (const [own, id] of ids.entries()) {
    await until('its own opens it', async () => ((await client(own).doorStatus(id)).open ? true : null))
    expect(await client(1 - own).doorStatus(id)).toMatchObject({ open: false })
    await expect(client(1 - own).openDoor(id)).rejects.toMatchObject({ code: 'not_found' })
  }
})

test('the end of one is nobody else’s: tunnels go on, new ones open, directories stay', async () => {
  const [here, there] = [await claimed(0), await claimed(1)]
  await world.stop(0)
  expect(await here.tunnel.isOpen()).toBe(false)
  expect(await there.tunnel.isOpen()).toBe(true)
  expect(await (await world.tunnel(there.id)).isOpen()).toBe(true)
  await world.start(0)
  expect(await (await world.tunnel(here.id)).isOpen()).toBe(true)
  expect(await there.tunnel.isOpen()).toBe(true)
  expect(existsSync(world.directoryOf(there.id))).toBe(true)
})

test('a kill reaches a person’s sandboxes wherever they are', async () => {
  const [here, there] = [await claimed(0), await claimed(1)]
  await world.client.kill({ scope: 'person', id: there.person })
  await isClosed(there.tunnel)
  expect(await here.tunnel.isOpen()).toBe(true)
})

test('a kill of everything reaches all that live, and says that one was away', async () => {
  const [here, there] = [await claimed(0), await claimed(1)]
  await world.stop(0)
  await expect(world.client.kill({ scope: 'everything' })).rejects.toMatchObject({ code: 'gateway_unavailable' })
  await isClosed(there.tunnel)
  expect(await here.tunnel.isOpen()).toBe(false)
})

test('a provider that was saved by one is used by the other, with its key', async () => {
  const provider = await openProvider((_request, response) => json(response, 200, { data: [{ id: 'small' }] }))
  onTestFinished(() => provider.close())
  const person = await world.person()
  const key = 'sk-shared-by-all-1234567890'
  await client(0).saveProvider('acme', { kind: 'openai', baseUrl: provider.url, place: 'local', key }, person)
  expect(await client(1).testProvider('acme', person)).toMatchObject({ ok: true })
  expect(provider.seen.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${key}`])
})

test('when there are fewer, sandboxes get another one, but not before the one that held them is gone', async () => {
  const { id, tunnel } = await claimed(1)
  const stopped = await world.sandbox(undefined, 'stopped', 1)
  const moved: unknown[] = []
  const looks = { times: 0 }
  const log = { ...pino({ level: 'silent' }), info: (what: unknown) => void moved.push(what), warn: () => {} }
  const retired = replaceRetired({
    db: world.server,
    gateways: 1,
    lockOf: (instance) => {
      looks.times += 1
      return world.paths.gatewayLock(instance)
    },
    log,
  })
  onTestFinished(() => retired.close())
  await until('it has looked twice', () => (looks.times > 1 ? true : null))
  expect(moved).toEqual([])
  expect(await tunnel.isOpen()).toBe(true)

  await world.stop(1)
  await until('they are moved', () => (moved.length > 0 ? true : null))
  expect(moved).toEqual([{ instance: 1, sandboxes: 2 }])
  expect(await (await world.tunnel(id)).isOpen()).toBe(true)
  expect(await client(0).doorStatus(id)).toMatchObject({ open: true })
  expect(await client(0).doorStatus(stopped)).toMatchObject({ open: false })
})

test('one that starts while the one before still ends waits for it, and takes nothing away from it', async () => {
  const { id, tunnel } = await claimed(0)
  const state = { started: false }
  const next = world.start(0).then(() => {
    state.started = true
  })
  expect(await tunnel.isOpen()).toBe(true)
  expect(await isListening(world.paths.gatewaySocket(0))).toBe(true)
  expect(state.started).toBe(false)
  await world.stop(0)
  await next
  expect(await (await world.tunnel(id)).isOpen()).toBe(true)
})

test('neither takes more connections to the database than are counted for it', async () => {
  await Promise.all([claimed(0), claimed(1)])
  const ids = await Promise.all(Array.from({ length: 12 }, (_, n) => world.sandbox(undefined, 'building', n % 2)))
  await Promise.all(ids.map((id) => world.client.openDoor(id)))
  const { rows } = await sql`SELECT count(*)::int AS n FROM pg_stat_activity
    WHERE datname = current_database() AND usename = 'backlot_gateway'`.execute(world.database.db)
  const [{ n }] = z.tuple([z.object({ n: z.int() })]).parse(rows)
  expect(n).toBeGreaterThan(2)
  expect(n).toBeLessThanOrEqual(2 * CONNECTIONS.gateway)
})
