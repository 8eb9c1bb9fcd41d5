/** A stop and a start of one sandbox at the same moment: whichever is committed last holds, in the database and in the engine. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type PrototypeView, prototypeView } from '../../../../api/contract/prototypes.ts'
import { createReconciler } from '../../../../api/server/sandboxes/reconciler.ts'
import { startServer, type TestServer } from '../../../support/server/server.ts'
import { until } from '../../../support/until.ts'

let server: TestServer
beforeEach(async () => {
  server = await startServer()
})
afterEach(() => server.close())

type Person = Awaited<ReturnType<TestServer['personWith']>>

const create = async (person: Person) =>
  prototypeView.parse((await person.ask('/api/v1/prototypes', { method: 'POST', body: { title: 'A page' } })).json)
const stateOf = async ({ sandbox }: PrototypeView) => {
  const { state } = await server.db
    .selectFrom('sandboxes')
    .select('state')
    .where('id', '=', sandbox.id)
    .executeTakeFirstOrThrow()
  return state
}
const untilState = (made: PrototypeView, state: string) =>
  until(`it is ${state}`, async () => ((await stateOf(made)) === state ? true : null))
async function ready(person: Person): Promise<PrototypeView> {
  const made = await create(person)
  await untilState(made, 'claimed')
  await server.sandboxes.idle()
  return made
}
const kill = (security: Person, { sandbox }: PrototypeView) =>
  security.ask('/api/v1/kill', { method: 'POST', body: { scope: 'sandbox', id: sandbox.id } })
const start = (person: Person, { sandbox }: PrototypeView) =>
  person.ask(`/api/v1/sandboxes/${sandbox.id}/start`, { method: 'POST' })
/** What the engine was told to do with it since it was first made. */
const orders = ({ sandbox }: PrototypeView) =>
  server.peers.calls.flatMap(({ method, path, body }) => {
    if (path === `/v1/sandboxes/${sandbox.id}/stop`) return ['stop']
    const isCreate = method === 'POST' && path === '/v1/sandboxes' && JSON.stringify(body).includes(sandbox.id)
    return isCreate ? ['create'] : []
  })

describe('a start that comes while a stop is still being carried out (U18)', () => {
  test('gets a container that was started after the stop, and the page says what is', async () => {
    const [person, security] = [await server.personWith('pm'), await server.personWith('security')]
    const made = await ready(person)
    const cutting = Promise.withResolvers<undefined>()
    const asked = Promise.withResolvers<undefined>()
    server.peers.wishes.gateway = ({ path }) => {
      if (path !== '/kill') return undefined
      asked.resolve(undefined)
      return cutting.promise
    }
    const killed = kill(security, made)
    await asked.promise
    expect((await start(person, made)).status).toBe(204)
    await untilState(made, 'claimed')
    cutting.resolve(undefined)
    expect((await killed).status).toBe(204)
    await server.sandboxes.idle()

    expect(await stateOf(made)).toBe('claimed')
    expect(server.peers.containers.get(made.sandbox.id)).toBe('running')
    const since = orders(made).slice(1)
    expect(since.indexOf('stop')).toBeGreaterThanOrEqual(0)
    expect(since.indexOf('stop')).toBeLessThan(since.indexOf('create'))
    expect(since.at(-1)).toBe('create')
  })

  test('also when the server was ended before it could end the processes', async () => {
    const person = await server.personWith('pm')
    const made = await ready(person)
    await server.db.updateTable('sandboxes').set({ state: 'stopped' }).where('id', '=', made.sandbox.id).execute()
    expect((await start(person, made)).status).toBe(204)
    await untilState(made, 'claimed')
    expect(orders(made)).toEqual(['create', 'stop', 'create'])
  })

  test('many at once: what the row says is what the engine has', async () => {
    const [person, security] = [await server.personWith('pm'), await server.personWith('security')]
    const all = await Promise.all([ready(person), ready(person), ready(person)])
    for (let round = 0; round < 12; round += 1) {
      const every = all.flatMap((made) => [kill(security, made), start(person, made), kill(security, made)])
      await Promise.all([...every, ...all.map((made) => start(person, made))])
      await server.sandboxes.idle()
      for (const made of all) {
        const isRunning = server.peers.containers.get(made.sandbox.id) === 'running'
        expect([await stateOf(made), isRunning]).toBeOneOf([
          ['claimed', true],
          ['stopped', false],
          ['failed', false],
        ])
      }
    }
  })
})

test('a container that is created after the stop ends at once, and is not waited for', async () => {
  const [person, security] = [await server.personWith('pm'), await server.personWith('security')]
  const creating = Promise.withResolvers<undefined>()
  const asked = Promise.withResolvers<undefined>()
  server.peers.wishes.runner = async ({ method, path }) => {
    if (method !== 'POST' || path !== '/v1/sandboxes') return undefined
    asked.resolve(undefined)
    return creating.promise
  }
  const door = { open: true, porter: 'absent', trusted: true, connections: 0 }
  server.peers.wishes.gateway = ({ method, path }) =>
    method === 'GET' && path.startsWith('/sandboxes/') ? { body: door } : undefined
  const made = await create(person)
  await asked.promise
  expect((await kill(security, made)).status).toBe(204)
  creating.resolve(undefined)
  await until(
    'it has ended',
    () => {
      const state = server.peers.containers.get(made.sandbox.id)
      return state === undefined ? null : state === 'exited' || null
    },
    5_000,
  )
  expect(await stateOf(made)).toBe('failed')
})

test('what had ended by itself and was then stopped is not started again (U18)', async () => {
  const [person, security] = [await server.personWith('pm'), await server.personWith('security')]
  const [ended, other] = [await ready(person), await ready(person)]
  const looking = Promise.withResolvers<undefined>()
  const asked = Promise.withResolvers<undefined>()
  const looks = { count: 0 }
  // The second look is the one right before it is started again; it waits here until the stop is committed.
  server.peers.wishes.gateway = ({ method, path }) => {
    if (method !== 'GET' || path !== `/sandboxes/${other.sandbox.id}`) return undefined
    looks.count += 1
    if (looks.count < 2) return undefined
    asked.resolve(undefined)
    return looking.promise
  }
  server.peers.containers.set(ended.sandbox.id, 'exited')
  const { peers, sandboxes, db, app } = server
  const reconciler = createReconciler({ db, runner: peers.runner, gateway: peers.gateway, sandboxes, log: app.log })
  await asked.promise
  expect((await kill(security, ended)).status).toBe(204)
  looking.resolve(undefined)
  await server.sandboxes.idle()
  await reconciler.close()
  expect(await stateOf(ended)).toBe('stopped')
  expect(server.peers.containers.get(ended.sandbox.id)).toBe('exited')
})

test('what is left wrong while its own work goes on is looked at when that has ended', async () => {
  const person = await server.personWith('pm')
  const made = await ready(person)
  const { peers, sandboxes, db, app } = server
  const working = Promise.withResolvers<void>()
  const work = sandboxes.inQueue(made.sandbox.id, () => working.promise)
  const reconciler = createReconciler({ db, runner: peers.runner, gateway: peers.gateway, sandboxes, log: app.log })
  peers.containers.set(made.sandbox.id, 'exited')
  const looks = () => peers.calls.filter(({ method, path }) => method === 'GET' && path === '/v1/sandboxes').length
  await until('it listens', () => peers.calls.some(({ path }) => path === '/v1/events') || null)
  const before = looks()
  peers.tell({ id: made.sandbox.id, event: 'die' })
  await until('it has looked', () => looks() > before || null)
  working.resolve()
  await work
  await until('it runs again', () => peers.containers.get(made.sandbox.id) === 'running' || null, 10_000)
  await reconciler.close()
})

test('a stop ends the wait for a porter that does not come', async () => {
  const [person, security] = [await server.personWith('pm'), await server.personWith('security')]
  const asked = Promise.withResolvers<undefined>()
  server.peers.wishes.gateway = ({ path }) => {
    if (!path.endsWith('/prove')) return undefined
    asked.resolve(undefined)
    return new Promise(() => {})
  }
  const made = await create(person)
  await asked.promise
  expect((await kill(security, made)).status).toBe(204)
  await server.sandboxes.idle()
  expect(await stateOf(made)).toBe('failed')
  expect(server.peers.containers.get(made.sandbox.id)).not.toBe('running')
})
