/** One version of a policy is in force for a sandbox at any moment, and what it takes away is gone with the publishing. */
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { policyPublished } from '../../../api/contract/policy.ts'
import { type PrototypeView, prototypeView, type SandboxState } from '../../../api/contract/prototypes.ts'
import { lockPolicy } from '../../../api/server/policies/read.ts'
import { createReconciler } from '../../../api/server/sandboxes/reconciler.ts'
import { startServer, type TestServer } from '../../support/server/server.ts'
import { until } from '../../support/until.ts'

type Person = Awaited<ReturnType<TestServer['personWith']>>
interface Rules {
  exec?: boolean
  memory?: string
  hosts?: string[]
}

let server: TestServer
let admin: Person
let pm: Person
beforeEach(async () => {
  server = await startServer()
  admin = await server.personWith('admin')
  pm = await server.personWith('pm')
  await publish({})
})
afterEach(() => server.close())

const yaml = ({ exec = true, memory = '1GiB', hosts = [] }: Rules) =>
  [
    'policy: own',
    `tools: { allow: [], workspaceExec: ${exec} }`,
    `sandbox: { memory: ${memory} }`,
    `egress: [${hosts.map((host) => `{ host: ${host}, unsafeOpaque: true }`).join(', ')}]`,
    'models: { default: {} }',
  ].join('\n')

async function publish(rules: Rules) {
  const answer = await admin.ask('/api/v1/policies/own/publish', { method: 'POST', body: { yaml: yaml(rules) } })
  expect(answer.status, answer.text).toBe(200)
  return policyPublished.parse(answer.json)
}
async function create(): Promise<PrototypeView> {
  const answer = await pm.ask('/api/v1/prototypes', { method: 'POST', body: { title: 'A page', policy: 'own' } })
  expect(answer.status, answer.text).toBe(201)
  return prototypeView.parse(answer.json)
}
const look = async (id: string) => prototypeView.parse((await pm.ask(`/api/v1/prototypes/${id}`)).json)
const untilState = (id: string, state: SandboxState) =>
  until(`the sandbox is ${state}`, async () => {
    const view = await look(id)
    return view.sandbox.state === state ? view : null
  })
const ready = async () => untilState((await create()).id, 'claimed')
const act = (view: PrototypeView, verb: string, body?: object) =>
  pm.ask(`/api/v1/sandboxes/${view.sandbox.id}/${verb}`, { method: 'POST', ...(body ? { body } : {}) })

/** What the runner was asked to make, one after another. */
const made = () =>
  server.peers.calls
    .filter(({ method, path }) => method === 'POST' && path === '/v1/sandboxes')
    .map(({ body }) =>
      z
        .object({
          policy: z.object({ name: z.literal('own'), version: z.int() }),
          workspaceExec: z.boolean(),
          memoryBytes: z.int(),
        })
        .parse(body),
    )
const moves = async () =>
  (await server.events('sandbox.state')).map(({ detail, reason, policy }) => ({
    move: `${detail.from} → ${detail.to} (${reason})`,
    policy,
  }))
const since = async (count: number) => (await moves()).slice(count)
const own = (version: number, container?: number) => ({
  name: 'own',
  version,
  ...(container === undefined ? {} : { container }),
})
const REMOVED = (view: PrototypeView) => `DELETE /v1/sandboxes/${view.sandbox.id}?workspace=keep`
const calls = () => server.peers.calls.map(({ method, path }) => `${method} ${path}`)

describe('a version that narrows what is built into a container', () => {
  test('stops the sandbox with the publishing, rebuilds and proves it, and every place names that version (C30)', async () => {
    const view = await ready()
    const before = (await moves()).length
    // The engine is slow to take the old container away: nobody works in it all the same.
    const gate = Promise.withResolvers<undefined>()
    server.peers.wishes.runner = ({ method }) => (method === 'DELETE' ? gate.promise : undefined)
    expect(await publish({ exec: false, memory: '512MiB' })).toMatchObject({
      version: 2,
      sandboxes: { rebuilt: 1, waiting: 0 },
    })
    const stopped = await look(view.id)
    expect(stopped.sandbox).toMatchObject({
      state: 'building',
      policy: own(2),
      rebuiltFor: 'policy-narrowed',
    })
    expect((await act(view, 'exec', { argv: ['true'] })).status).toBe(409)
    await until('its terminals ended', () =>
      server.peers.calls.find(({ path }) => path.endsWith('/terminals/end')) ? true : null,
    )
    gate.resolve(undefined)

    const again = await untilState(view.id, 'claimed')
    expect(again.sandbox).toMatchObject({ policy: own(2), waiting: null, rebuiltFor: null, proof: { ok: true } })
    expect(made()).toEqual([
      { policy: own(1), workspaceExec: true, memoryBytes: 2 ** 30 },
      { policy: own(2), workspaceExec: false, memoryBytes: 2 ** 29 },
    ])
    expect(calls()).toContain(REMOVED(view))
    expect(calls()).not.toContain(`DELETE /v1/sandboxes/${view.sandbox.id}?workspace=remove`)
    expect(await since(before)).toEqual([
      { move: 'claimed → building (policy-narrowed)', policy: own(2) },
      { move: 'building → starting (getting-ready)', policy: own(2) },
      { move: 'starting → proving (getting-ready)', policy: own(2) },
      { move: 'proving → claimed (proven)', policy: own(2) },
    ])
    expect((await server.events('sandbox.proven')).map(({ policy }) => policy)).toEqual([own(1), own(2)])
    expect((await act(view, 'exec', { argv: ['true'] })).status).toBe(200)
    expect((await server.events('exec.started')).map(({ policy }) => policy)).toEqual([own(2)])
  })

  test('is carried on with when the server died right after the publishing', async () => {
    const view = await ready()
    // What the reconciler of the next start finds: the row says building, and the old container runs.
    await server.db
      .updateTable('sandboxes')
      .set({ state: 'building', rebuilt_for: 'policy-narrowed' })
      .where('id', '=', view.sandbox.id)
      .execute()
    const reconciler = createReconciler({
      ...server.peers,
      db: server.db,
      sandboxes: server.sandboxes,
      log: server.app.log,
    })
    await untilState(view.id, 'claimed')
    await reconciler.close()
    const after = calls()
    expect(after.indexOf(REMOVED(view))).toBeGreaterThan(0)
    expect(after.indexOf(REMOVED(view))).toBeLessThan(after.lastIndexOf('POST /v1/images'))
  })

  test('is made up for where an earlier Backlot left a sandbox with more than its policy allows', async () => {
    const view = await ready()
    await publish({ memory: '512MiB' })
    await untilState(view.id, 'claimed')
    // As migration 006 finds it: made by the first version, while the second was in force.
    await server.db.updateTable('sandboxes').set({ container_version: 1 }).where('id', '=', view.sandbox.id).execute()
    expect(await publish({ memory: '512MiB' })).toMatchObject({ changed: false, sandboxes: { rebuilt: 1, waiting: 0 } })
    expect((await untilState(view.id, 'claimed')).sandbox.policy).toEqual(own(2))
    expect(made()).toHaveLength(3)
  })

  test('twice quickly: the last one is what it is rebuilt by (C31)', async () => {
    const view = await ready()
    await publish({ memory: '512MiB' })
    await publish({ memory: '256MiB' })
    await until('it has the last', async () => {
      const { sandbox } = await look(view.id)
      return sandbox.state === 'claimed' && sandbox.policy.version === 3 ? sandbox : null
    })
    expect(made().at(-1)).toEqual({ policy: own(3), workspaceExec: true, memoryBytes: 2 ** 28 })
    expect((await server.events('sandbox.proven')).at(-1)?.policy).toEqual(own(3))
  })

  test('a workspace that has no room for it stays, and its owner reads why', async () => {
    const view = await ready()
    const message = 'The files of this workspace take more than its policy allows.'
    server.peers.wishes.runner = ({ method, path }) =>
      method === 'POST' && path === '/v1/sandboxes'
        ? { status: 409, body: { error: { code: 'limit_reached', message, requestId: 'r' } } }
        : undefined
    await publish({ memory: '512MiB' })
    const failed = await untilState(view.id, 'failed')
    expect(failed.sandbox).toMatchObject({ detail: message, rebuiltFor: null, policy: own(2) })
    server.peers.wishes.runner = () => undefined
    await publish({ memory: '1GiB' })
    expect((await act(view, 'start')).status).toBe(204)
    expect((await untilState(view.id, 'claimed')).sandbox.policy).toEqual(own(3))
  })
})

describe('a version that only widens it', () => {
  test('waits: the sandbox runs on, is named as what it is, and gets it when its owner applies it', async () => {
    const view = await ready()
    const before = (await moves()).length
    expect(await publish({ memory: '2GiB' })).toMatchObject({ sandboxes: { rebuilt: 0, waiting: 1 } })
    const { sandbox } = await look(view.id)
    expect(sandbox).toMatchObject({
      state: 'claimed',
      policy: own(2, 1),
      waiting: { 'sandbox.memoryBytes': { from: 2 ** 30, to: 2 ** 31 } },
    })
    expect((await act(view, 'exec', { argv: ['true'] })).status).toBe(200)
    expect((await server.events('exec.started')).map(({ policy }) => policy)).toEqual([own(2, 1)])
    expect(await since(before)).toEqual([])

    expect((await act(view, 'apply-policy')).status).toBe(204)
    expect((await look(view.id)).sandbox).toMatchObject({ policy: own(2), waiting: null })
    await untilState(view.id, 'claimed')
    expect(made().at(-1)).toEqual({ policy: own(2), workspaceExec: true, memoryBytes: 2 ** 31 })
    expect((await since(before))[0]).toEqual({ move: 'claimed → building (policy-applied)', policy: own(2) })
    expect((await server.events('sandbox.state')).find(({ reason }) => reason === 'policy-applied')).toMatchObject({
      actor: { type: 'person', id: pm.id },
    })
    expect((await server.events('sandbox.proven')).at(-1)?.policy).toEqual(own(2))
    expect(await act(view, 'apply-policy')).toMatchObject({ status: 409, json: { error: { code: 'conflict' } } })
  })

  test('nobody but its owner applies it', async () => {
    const view = await ready()
    await publish({ memory: '2GiB' })
    for (const other of [admin, await server.personWith('pm')])
      expect((await other.ask(`/api/v1/sandboxes/${view.sandbox.id}/apply-policy`, { method: 'POST' })).status).toBe(
        404,
      )
    expect((await look(view.id)).sandbox.policy).toEqual(own(2, 1))
  })

  test('is there after a stop and a start', async () => {
    const view = await ready()
    await publish({ memory: '2GiB' })
    expect((await act(view, 'stop')).status).toBe(204)
    expect((await look(view.id)).sandbox).toMatchObject({ policy: own(2), waiting: null })
    expect((await act(view, 'start')).status).toBe(204)
    await untilState(view.id, 'claimed')
    expect(made().at(-1)).toEqual({ policy: own(2), workspaceExec: true, memoryBytes: 2 ** 31 })
  })

  test('is there when its container ended by itself and is started again', async () => {
    const view = await ready()
    await publish({ memory: '2GiB' })
    server.peers.containers.set(view.sandbox.id, 'exited')
    const reconciler = createReconciler({
      ...server.peers,
      db: server.db,
      sandboxes: server.sandboxes,
      log: server.app.log,
    })
    await until('it was made again', () => (made().length === 2 ? true : null))
    await untilState(view.id, 'claimed')
    await reconciler.close()
    expect(made().at(-1)).toMatchObject({ policy: own(2), memoryBytes: 2 ** 31 })
  })

  test('and one after it that narrows what the container has is not kept waiting', async () => {
    const view = await ready()
    await publish({ memory: '2GiB' })
    expect(await publish({ memory: '2GiB', exec: false })).toMatchObject({ sandboxes: { rebuilt: 1, waiting: 0 } })
    await untilState(view.id, 'claimed')
    expect(made().at(-1)).toEqual({ policy: own(3), workspaceExec: false, memoryBytes: 2 ** 31 })
  })

  test('and one after it that takes the widening back leaves nothing to wait for', async () => {
    const view = await ready()
    await publish({ memory: '2GiB' })
    expect(await publish({ memory: '1GiB' })).toMatchObject({ sandboxes: { rebuilt: 0, waiting: 0 } })
    expect((await look(view.id)).sandbox).toMatchObject({ state: 'claimed', policy: own(3), waiting: null })
  })
})

test('a version that changes nothing in a container holds at once, and nothing is stopped', async () => {
  const view = await ready()
  const before = (await moves()).length
  expect(await publish({ hosts: ['example.org'] })).toMatchObject({ version: 2, sandboxes: { rebuilt: 0, waiting: 0 } })
  expect((await look(view.id)).sandbox).toMatchObject({ state: 'claimed', policy: own(2), waiting: null })
  expect(await since(before)).toEqual([])
  expect(made()).toHaveLength(1)
})

describe('a version that comes while a sandbox is made', () => {
  test.each([
    ['its image is built', 'runner', 'POST', '/v1/images'],
    ['its container is made', 'runner', 'POST', '/v1/sandboxes'],
    ['it is proven', 'gateway', 'POST', '/prove'],
  ] as const)('%s: what is handed out was made and proven by it (C31)', async (_what, peer, method, path) => {
    const reached = Promise.withResolvers<undefined>()
    const gate = Promise.withResolvers<undefined>()
    const once = { done: false }
    server.peers.wishes[peer] = (call) => {
      if (once.done || call.method !== method || !call.path.endsWith(path)) return undefined
      once.done = true
      reached.resolve(undefined)
      return gate.promise
    }
    const { id } = await create()
    await reached.promise
    expect(await publish({ exec: false })).toMatchObject({ sandboxes: { rebuilt: 0, waiting: 0 } })
    gate.resolve(undefined)
    const view = await untilState(id, 'claimed')
    expect(view.sandbox.policy).toEqual(own(2))
    expect(made().at(-1)).toEqual({ policy: own(2), workspaceExec: false, memoryBytes: 2 ** 30 })
    expect((await server.events('sandbox.proven')).at(-1)?.policy).toEqual(own(2))
    expect((await moves()).at(-1)).toEqual({ move: 'proving → claimed (proven)', policy: own(2) })
  })

  test('what fails by the old version is made by the new one', async () => {
    const once = { done: false }
    server.peers.wishes.runner = async ({ path }) => {
      if (once.done || path !== '/v1/images') return undefined
      once.done = true
      await publish({ memory: '512MiB' })
      return { body: { type: 'failed', message: 'That tool cannot be had.' } }
    }
    const { id } = await create()
    expect((await untilState(id, 'claimed')).sandbox.policy).toEqual(own(2))
  })

  test('nobody makes one by the version before while it is published', async () => {
    const publishing = await server.database.db.startTransaction().execute()
    await lockPolicy(publishing, 'own')
    const asked = create()
    const { policy } = await Promise.race([
      asked.then(({ sandbox }) => sandbox),
      until('the maker waits', async () => {
        const { rows } = await sql`SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`.execute(server.db)
        return rows.length > 0 ? { policy: null } : null
      }),
    ])
    expect(policy).toBeNull()
    await publishing.commit().execute()
    await asked
  })
})

test('a container that ended is found at its event, though the engine lists it as running for a moment more', async () => {
  const view = await ready()
  const reconciler = createReconciler({
    ...server.peers,
    db: server.db,
    sandboxes: server.sandboxes,
    log: server.app.log,
  })
  const lists = () =>
    server.peers.calls.filter(({ method, path }) => method === 'GET' && path === '/v1/sandboxes').length
  await until('it follows the engine', () => server.peers.calls.find(({ path }) => path === '/v1/events') ?? null)
  await until('it has looked', () => (lists() > 0 ? true : null))
  const { id } = view.sandbox
  const running = { id, container: 'c', image: 'i', state: 'running', exitCode: null, oomKilled: false }
  const once = { done: false }
  server.peers.wishes.runner = ({ method, path }) => {
    if (once.done || method !== 'GET' || path !== '/v1/sandboxes') return undefined
    once.done = true
    return { body: { items: [running] } }
  }
  server.peers.containers.set(id, 'exited')
  server.peers.tell({ id, event: 'die' })
  await until('it was made again', () => (made().length === 2 ? true : null), 10_000)
  await reconciler.close()
})

test('a stopped sandbox is started by the newest version', async () => {
  const view = await ready()
  await act(view, 'stop')
  expect(await publish({ memory: '512MiB' })).toMatchObject({ sandboxes: { rebuilt: 0, waiting: 0 } })
  expect((await look(view.id)).sandbox).toMatchObject({ state: 'stopped', policy: own(2) })
  await act(view, 'start')
  await untilState(view.id, 'claimed')
  expect(made().at(-1)).toEqual({ policy: own(2), workspaceExec: true, memoryBytes: 2 ** 29 })
})
