/** A stop is served when nothing else is, and asks the gateway once. */
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type PrototypeView, prototypeView } from '../../../../api/contract/prototypes.ts'
import { startServer, type TestServer } from '../../../support/server/server.ts'
import { until } from '../../../support/until.ts'

let server: TestServer
beforeEach(async () => {
  server = await startServer()
})
afterEach(() => server.close())

type Person = Awaited<ReturnType<TestServer['personWith']>>

async function ready(person: Person): Promise<PrototypeView> {
  const made = prototypeView.parse(
    (await person.ask('/api/v1/prototypes', { method: 'POST', body: { title: 'A page' } })).json,
  )
  await until('it is ready', async () => {
    const { json } = await person.ask(`/api/v1/prototypes/${made.id}`)
    return prototypeView.parse(json).sandbox.state === 'claimed' || null
  })
  return made
}
const stateOf = async ({ sandbox }: PrototypeView) => {
  const row = server.db.selectFrom('sandboxes').select('state').where('id', '=', sandbox.id)
  return (await row.executeTakeFirstOrThrow()).state
}

/** So many requests of one person wait for their row in the database that no connection is left for anybody. */
async function takeAllConnections(person: Person) {
  const [letGo, locked] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const over = server.db.transaction().execute(async (trx) => {
    await sql`SELECT id FROM people WHERE id = ${person.id} FOR UPDATE`.execute(trx)
    locked.resolve()
    await letGo.promise
  })
  await locked.promise
  const asked = Array.from({ length: 40 }, () =>
    person.ask('/api/v1/prototypes', { method: 'POST', body: { title: 'More' } }),
  )
  const answered = { early: 0 }
  for (const each of asked) void each.then(() => (answered.early += 1))
  await until('all connections wait', async () => {
    const { rows } = await sql<{ n: number }>`SELECT count(*)::int AS n FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`.execute(server.db)
    return (rows[0]?.n ?? 0) >= 8 || null
  })
  return async () => {
    letGo.resolve()
    await over
    await Promise.all(asked)
  }
}

test('U21 while one person’s requests hold every connection to the database, security stops what runs', async () => {
  const [busy, owner, security] = [
    await server.personWith('pm'),
    await server.personWith('pm'),
    await server.personWith('security'),
  ]
  const [killed, stopped] = [await ready(owner), await ready(owner)]
  const giveBack = await takeAllConnections(busy)
  const others = security.ask('/api/v1/me')
  const order = { scope: 'sandbox', id: killed.sandbox.id }
  expect((await security.ask('/api/v1/kill', { method: 'POST', body: order })).status).toBe(204)
  const path = `/api/v1/sandboxes/${stopped.sandbox.id}/stop`
  expect((await security.ask(path, { method: 'POST' })).status).toBe(204)
  expect(await Promise.all([stateOf(killed), stateOf(stopped)])).toEqual(['stopped', 'stopped'])
  expect(await Promise.race([others.then(() => 'answered'), Promise.resolve('still waits')])).toBe('still waits')
  await giveBack()
  await others
})

test('a stop of everything is one order to the gateway, whatever runs', async () => {
  const security = await server.personWith('security')
  const all = []
  for (let count = 0; count < 7; count += 1) all.push(await ready(await server.personWith('pm')))
  server.peers.calls.splice(0)
  expect((await security.ask('/api/v1/kill', { method: 'POST', body: { scope: 'everything' } })).status).toBe(204)
  await until(
    'all have ended',
    () => [...server.peers.containers.values()].every((state) => state === 'exited') || null,
  )
  await server.sandboxes.idle()
  expect(server.peers.calls.filter(({ path }) => path === '/kill')).toEqual([
    { method: 'POST', path: '/kill', body: { scope: 'everything' } },
  ])
})

test('processes end although the gateway hangs', async () => {
  const [owner, security] = [await server.personWith('pm'), await server.personWith('security')]
  const made = await ready(owner)
  const hanging = Promise.withResolvers<undefined>()
  server.peers.wishes.gateway = ({ path }) => (path === '/kill' ? hanging.promise : undefined)
  const order = { scope: 'everything', hold: true, reason: 'A drill.' }
  const asked = security.ask('/api/v1/kill', { method: 'POST', body: order })
  await until('it has ended', () => server.peers.containers.get(made.sandbox.id) === 'exited' || null)
  hanging.resolve(undefined)
  expect((await asked).status).toBe(201)
})
