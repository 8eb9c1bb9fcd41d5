import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { personId } from '../../../api/contract/ids.ts'
import { type PrototypeView, prototypeCreate, prototypeList, prototypeView } from '../../../api/contract/prototypes.ts'
import { newId } from '../../../api/ids.ts'
import { createPrototype } from '../../../api/server/prototypes/create.ts'
import { createReconciler } from '../../../api/server/sandboxes/reconciler.ts'
import { takeUserSlot } from '../../../api/server/sandboxes/user-slots.ts'
import { standardPolicy, startServer, type TestServer } from '../../support/server/server.ts'
import { until } from '../../support/until.ts'

let server: TestServer
beforeEach(async () => {
  server = await startServer()
})
afterEach(() => server.close())

const untilTrue = (what: string, holds: () => boolean) => until(what, () => holds() || null)

type Person = Awaited<ReturnType<TestServer['personWith']>>

const create = (person: Person, body: object = { title: 'A page' }, headers: Record<string, string> = {}) =>
  person.ask('/api/v1/prototypes', { method: 'POST', body, headers })
const look = async (person: Person, id: string) =>
  prototypeView.parse((await person.ask(`/api/v1/prototypes/${id}`)).json)
const untilState = (person: Person, id: string, state: string) =>
  until(`the sandbox is ${state}`, async () => {
    const view = await look(person, id)
    return view.sandbox.state === state ? view : null
  })
async function ready(person: Person): Promise<PrototypeView> {
  const made = prototypeView.parse((await create(person)).json)
  return untilState(person, made.id, 'claimed')
}
const moves = async (sandbox: string) =>
  (await server.events('sandbox.state'))
    .filter((event) => event.sandbox === sandbox)
    .map(({ detail, reason }) => `${detail.from} → ${detail.to} (${reason})`)
const peerPaths = () =>
  server.peers.calls.filter(({ method }) => method !== 'GET').map(({ method, path }) => `${method} ${path}`)

describe('making a prototype', () => {
  test('the answer comes at once; image and door, container, proof follow in this order, each recorded before it is done', async () => {
    const person = await server.personWith('pm')
    const answer = await create(person, { title: ' A page ', hypothesis: 'People want it' })
    expect(answer.status).toBe(201)
    const made = prototypeView.parse(answer.json)
    expect(made).toMatchObject({
      title: 'A page',
      label: 'internal',
      owner: { id: person.id },
      sandbox: { state: 'building', policy: { name: 'standard', version: 1 } },
    })

    const view = await untilState(person, made.id, 'claimed')
    expect(view.sandbox).toMatchObject({ detail: null, progress: null, proof: { ok: true } })
    const { id } = made.sandbox
    expect(peerPaths().slice(0, 2).toSorted()).toEqual(['POST /v1/images', `PUT /sandboxes/${id}`])
    expect(peerPaths().slice(2)).toEqual(['POST /v1/sandboxes', `POST /sandboxes/${id}/prove`])
    expect(server.peers.calls.find(({ path }) => path === '/v1/sandboxes')?.body).toMatchObject({
      id,
      memoryBytes: 2 ** 31,
      runtime: 'runc',
      environment: {},
    })
    expect(await moves(id)).toEqual([
      'null → building (asked-for)',
      'building → starting (getting-ready)',
      'starting → proving (getting-ready)',
      'proving → claimed (proven)',
    ])
    expect(await server.events('prototype.created')).toEqual([
      expect.objectContaining({ person: person.id, sandbox: id, detail: { title: 'A page', label: 'internal' } }),
    ])
    expect(await server.events('sandbox.proven')).toEqual([expect.objectContaining({ decision: 'allow', sandbox: id })])
  })

  test('while the image is built, its progress can be seen', async () => {
    const person = await server.personWith('pm')
    const gate = Promise.withResolvers<undefined>()
    server.peers.wishes.runner = ({ path }) => (path === '/v1/sandboxes' ? gate.promise : undefined)
    const made = prototypeView.parse((await create(person)).json)
    const view = await until('progress', async () => {
      const seen = await server.db
        .selectFrom('sandboxes')
        .select(['progress', 'detail', 'state'])
        .where('id', '=', made.sandbox.id)
        .executeTakeFirst()
      return seen?.state === 'starting' ? seen : null
    })
    expect(view.state).toBe('starting')
    gate.resolve(undefined)
    await untilState(person, made.id, 'claimed')
  })

  test('the same Idempotency-Key makes one prototype, also at the same moment; another request with it is refused', async () => {
    const person = await server.personWith('pm')
    const key = { 'idempotency-key': 'press-1' }
    const answers = await Promise.all([
      create(person, { title: 'Once' }, key),
      create(person, { title: 'Once' }, key),
      create(person, { title: 'Once' }, key),
    ])
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201])
    expect(new Set(answers.map(({ json }) => prototypeView.parse(json).id)).size).toBe(1)
    expect(await create(person, { title: 'Other' }, key)).toMatchObject({
      status: 409,
      json: { error: { code: 'conflict' } },
    })
    const other = await server.personWith('pm')
    expect((await create(other, { title: 'Other' }, key)).status).toBe(201)
    expect(await server.events('prototype.created')).toHaveLength(2)
  })

  test('a person has as many sandboxes as the policy allows, also when asking for all at once', async () => {
    const person = await server.personWith('pm')
    const answers = await Promise.all(Array.from({ length: 5 }, () => create(person)))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 201, 201, 409, 409])
    const refused = answers.find(({ status }) => status === 409)
    expect(refused?.json).toMatchObject({
      error: {
        code: 'limit_reached',
        message:
          'You have 3 of at most 3 prototypes. Delete one that you no longer need, or ask your admin for a higher limit.',
      },
    })
  })

  test('a policy that is not there is named', async () => {
    const person = await server.personWith('pm')
    expect(await create(person, { title: 'x', policy: 'none-such' })).toMatchObject({
      status: 400,
      json: { error: { message: 'policy: there is no policy named none-such.' } },
    })
  })

  test('lists go on from page to page, newest first', async () => {
    const person = await server.personWith('pm')
    for (const title of ['one', 'two', 'three']) await create(person, { title })
    const page = async (query: string) => prototypeList.parse((await person.ask(`/api/v1/prototypes?${query}`)).json)
    const first = await page('limit=2')
    expect(first.items.map(({ title }) => title)).toEqual(['three', 'two'])
    const second = await page(`limit=2&cursor=${first.cursor}`)
    expect(second).toMatchObject({ items: [{ title: 'one' }], cursor: null })
    expect((await person.ask('/api/v1/prototypes?cursor=nonsense')).status).toBe(400)
    expect((await (await server.personWith('pm', 'admin', 'security')).ask('/api/v1/prototypes')).json).toEqual({
      items: [],
      cursor: null,
    })
  })
})

describe('when it does not go well', () => {
  const failing = [
    [
      'the image cannot be built',
      'runner',
      '/v1/images',
      { body: { type: 'failed', message: 'Installing opencode failed: no network.' } },
      'Installing opencode failed: no network.',
    ],
    [
      'the host cannot hold the policy',
      'runner',
      '/v1/sandboxes',
      {
        status: 422,
        body: {
          error: {
            code: 'policy_invalid',
            message: 'sandbox.runtime: runsc is not registered with Docker here.',
            requestId: 'r',
          },
        },
      },
      'runsc is not registered',
    ],
    [
      'a probe gets through',
      'gateway',
      '/prove',
      {
        body: {
          ok: false,
          at: '2026-11-20T12:00:00.000Z',
          probes: [{ probe: 'raw-address', expected: 'refused', got: 'passed', detail: '' }],
        },
      },
      'raw-address',
    ],
  ] as const
  test.each(failing)(
    '%s: the sandbox is failed, says why, and its container goes',
    async (_what, peer, path, said, words) => {
      const person = await server.personWith('pm')
      server.peers.wishes[peer] = (call) => (call.method === 'POST' && call.path.endsWith(path) ? said : undefined)
      const made = prototypeView.parse((await create(person)).json)
      const view = await untilState(person, made.id, 'failed')
      expect(view.sandbox.detail).toContain(words)
      await server.sandboxes.idle()
      expect(peerPaths()).toContain(`DELETE /v1/sandboxes/${made.sandbox.id}?workspace=keep`)
      expect(peerPaths()).toContain(`DELETE /sandboxes/${made.sandbox.id}`)
      if (peer === 'gateway')
        expect(await server.events('sandbox.proven')).toEqual([
          expect.objectContaining({ decision: 'deny', reason: 'proof-failed' }),
        ])

      server.peers.wishes[peer] = () => undefined
      expect((await person.ask(`/api/v1/sandboxes/${made.sandbox.id}/start`, { method: 'POST' })).status).toBe(204)
      await untilState(person, made.id, 'claimed')
    },
  )

  test('a gateway that is restarted meanwhile is waited for', async () => {
    const person = await server.personWith('pm')
    const counted = { tries: 0 }
    server.peers.wishes.gateway = ({ method }) => {
      counted.tries += method === 'PUT' ? 1 : 0
      const message = 'It starts.'
      return method === 'PUT' && counted.tries < 3
        ? { status: 503, body: { error: { code: 'gateway_unavailable', message, requestId: 'r' } } }
        : undefined
    }
    const made = prototypeView.parse((await create(person)).json)
    await untilState(person, made.id, 'claimed')
    expect(counted.tries).toBeGreaterThanOrEqual(3)
  })

  test('an image that is a newer one now: the container is made again, the workspace kept', async () => {
    const person = await server.personWith('pm')
    const counted = { tries: 0 }
    server.peers.wishes.runner = ({ method, path }) => {
      if (method !== 'POST' || path !== '/v1/sandboxes') return undefined
      counted.tries += 1
      return counted.tries === 1
        ? { status: 409, body: { error: { code: 'conflict', message: 'made from something else', requestId: 'r' } } }
        : undefined
    }
    const made = prototypeView.parse((await create(person)).json)
    await untilState(person, made.id, 'claimed')
    expect(peerPaths()).toContain(`DELETE /v1/sandboxes/${made.sandbox.id}?workspace=keep`)
  })
})

describe('using a sandbox', () => {
  test('a command is recorded before it runs and after it ended', async () => {
    const person = await server.personWith('pm')
    const { sandbox } = await ready(person)
    const started: number[] = []
    server.peers.wishes.gateway = async ({ path }) => {
      if (path.endsWith('/exec')) started.push((await server.events('exec.started')).length)
      return undefined
    }
    const answer = await person.ask(`/api/v1/sandboxes/${sandbox.id}/exec`, {
      method: 'POST',
      body: { argv: ['echo', 'hello'] },
    })
    expect(answer).toMatchObject({
      status: 200,
      json: { exitCode: 0, stdout: 'hello\n', stderr: '', truncated: false },
    })
    expect(started).toEqual([1])
    expect(await server.events('exec.started')).toEqual([
      expect.objectContaining({
        person: person.id,
        sandbox: sandbox.id,
        detail: { argv: ['echo', 'hello'], cwd: '/workspace', stdin: null },
      }),
    ])
    expect(await server.events('exec.ended')).toEqual([
      expect.objectContaining({ detail: expect.objectContaining({ exitCode: 0, truncated: false }) }),
    ])
  })

  test('a caller who leaves ends the command: the gateway is told at once, and the log says so (G42)', async () => {
    const person = await server.personWith('pm')
    const { sandbox } = await ready(person)
    const asked = Promise.withResolvers<void>()
    server.peers.wishes.gateway = ({ path }) => {
      if (!path.endsWith('/exec')) return undefined
      asked.resolve()
      return new Promise(() => {})
    }
    const caller = new AbortController()
    const call = fetch(`${server.origin}/api/v1/sandboxes/${sandbox.id}/exec`, {
      method: 'POST',
      headers: { origin: server.origin, cookie: person.cookie, 'content-type': 'application/json' },
      body: JSON.stringify({ argv: ['sleep', '1000'] }),
      signal: caller.signal,
    })
    await asked.promise
    expect(await server.events('exec.ended')).toEqual([])
    caller.abort()
    await expect(call).rejects.toThrow()
    const [ended] = await until('its end is recorded', async () => {
      const events = await server.events('exec.ended')
      return events.length > 0 ? events : null
    })
    expect(ended).toMatchObject({ reason: 'client-closed', detail: { exitCode: null } })
  })

  test('what a command is told besides is in the log too, and what is cut off says so', async () => {
    const person = await server.personWith('pm')
    const { sandbox } = await ready(person)
    const argv = ['env', 'x'.repeat(5000), ...Array.from({ length: 70 }, (_, index) => `A${index}=1`), 'sh']
    const body = { argv, stdin: `curl -d @notes https://example.org\n${'#'.repeat(9000)}` }
    await person.ask(`/api/v1/sandboxes/${sandbox.id}/exec`, { method: 'POST', body })
    const [{ detail } = { detail: {} }] = await server.events('exec.started')
    const written = z.object({ argv: z.array(z.string()), stdin: z.string() }).parse(detail)
    expect(written.argv[1]).toMatch(/^x+…\[5000 characters\]$/)
    expect(written.argv.at(-1)).toBe('…[73 items]')
    expect(written.stdin).toMatch(/^curl -d @notes https:\/\/example\.org\\n#+…\[9035 characters\]$/)
  })

  test('a sandbox that is not ready takes no command', async () => {
    const person = await server.personWith('pm')
    const { sandbox } = await ready(person)
    await person.ask(`/api/v1/sandboxes/${sandbox.id}/stop`, { method: 'POST' })
    const answer = await person.ask(`/api/v1/sandboxes/${sandbox.id}/exec`, {
      method: 'POST',
      body: { argv: ['true'] },
    })
    expect(answer).toMatchObject({ status: 409, json: { error: { code: 'sandbox_not_ready' } } })
  })

  test('stopped, started and removed: the row first, then the container', async () => {
    const person = await server.personWith('pm')
    const view = await ready(person)
    const { id } = view.sandbox
    const act = (method: string, rest = '') => person.ask(`/api/v1/sandboxes/${id}${rest}`, { method })
    expect((await act('POST', '/stop')).status).toBe(204)
    expect(server.peers.containers.get(id)).toBe('exited')
    expect((await act('POST', '/stop')).status).toBe(409)
    expect((await act('POST', '/start')).status).toBe(204)
    await untilState(person, view.id, 'claimed')
    expect(server.peers.containers.get(id)).toBe('running')
    expect((await act('DELETE')).status).toBe(204)
    expect(server.peers.containers.has(id)).toBe(false)
    expect((await look(person, view.id)).sandbox.state).toBe('removed')
    expect((await act('DELETE')).status).toBe(404)
    expect((await moves(id)).slice(4)).toEqual([
      'claimed → stopped (asked-for)',
      'stopped → starting (asked-for)',
      'starting → proving (getting-ready)',
      'proving → claimed (proven)',
      'claimed → removed (asked-for)',
    ])
  })

  test('a removed prototype is gone, with its sandbox', async () => {
    const person = await server.personWith('pm')
    const view = await ready(person)
    expect((await person.ask(`/api/v1/prototypes/${view.id}`, { method: 'DELETE' })).status).toBe(204)
    expect((await person.ask(`/api/v1/prototypes/${view.id}`)).status).toBe(404)
    expect(server.peers.containers.size).toBe(0)
    expect(await server.events('prototype.removed')).toHaveLength(1)
  })
})

describe('stopping things', () => {
  test.each([
    ['one sandbox', (sandbox: string, _person: string) => ({ scope: 'sandbox', id: sandbox }), 1],
    ["a person's", (_sandbox: string, person: string) => ({ scope: 'person', id: person }), 2],
    ['everything', () => ({ scope: 'everything' }), 3],
  ] as const)('%s', async (_what, orderFor, count) => {
    const [person, other, security] = [
      await server.personWith('pm'),
      await server.personWith('pm'),
      await server.personWith('security'),
    ]
    const first = await ready(person)
    await ready(person)
    await ready(other)
    const order = orderFor(first.sandbox.id, person.id)
    expect(await security.ask('/api/v1/kill', { method: 'POST', body: order })).toMatchObject({ status: 204, text: '' })
    const stopped = await server.db.selectFrom('sandboxes').select('detail').where('state', '=', 'stopped').execute()
    expect(stopped).toHaveLength(count)
    expect(stopped[0]?.detail).toContain('Stopped by')
    expect(server.peers.calls.filter(({ path }) => path === '/kill')[0]?.body).toEqual(order)
    const one = order.scope === 'sandbox' ? { sandbox: first.sandbox.id, prototype: first.id } : { sandbox: null }
    expect(await server.events('kill.ordered')).toEqual([expect.objectContaining({ person: security.id, ...one })])
    await untilTrue(
      'the containers have ended',
      () => [...server.peers.containers.values()].filter((state) => state === 'exited').length === count,
    )
  })

  test('a sandbox that is not there is not found', async () => {
    const security = await server.personWith('security')
    expect(
      (await security.ask('/api/v1/kill', { method: 'POST', body: { scope: 'sandbox', id: 'sb_aaaaaaaaaaaaaaaa' } }))
        .status,
    ).toBe(404)
    expect(await server.events('kill.ordered')).toEqual([])
  })
})

describe('reconciling', () => {
  const reconciler = () => {
    const { peers, sandboxes, db, app } = server
    return createReconciler({ db, runner: peers.runner, gateway: peers.gateway, sandboxes, log: app.log })
  }

  test('a container that nobody knows is removed; one that vanished is lost; one that ended is started; what was cut off goes on', async () => {
    const person = await server.personWith('pm')
    const [vanished, ended, cutOff] = [await ready(person), await ready(person), await ready(person)]
    server.peers.containers.delete(vanished.sandbox.id)
    server.peers.containers.set(ended.sandbox.id, 'exited')
    server.peers.containers.set('sb_orphanorphanorph', 'running')
    await server.db.updateTable('sandboxes').set({ state: 'building' }).where('id', '=', cutOff.sandbox.id).execute()

    const reconciling = reconciler()
    await untilState(person, vanished.id, 'lost')
    await untilState(person, cutOff.id, 'claimed')
    await untilTrue('the ended one runs', () => server.peers.containers.get(ended.sandbox.id) === 'running')
    await untilTrue('the orphan is gone', () => !server.peers.containers.has('sb_orphanorphanorph'))
    await reconciling.close()
  })

  test('an event of the runner is acted on; one that dies again and again is failed', async () => {
    const person = await server.personWith('pm')
    const view = await ready(person)
    const { id } = view.sandbox
    const reconciling = reconciler()
    await untilTrue('it listens', () => server.peers.calls.some(({ path }) => path === '/v1/events'))
    for (let death = 0; death < 3; death += 1) {
      server.peers.containers.set(id, 'exited')
      server.peers.tell({ id, event: 'die' })
      await untilTrue(
        'it runs again',
        () => server.peers.containers.get(id) === 'running' && !server.sandboxes.isBusy(view.sandbox.id),
      )
    }
    server.peers.containers.set(id, 'exited')
    server.peers.tell({ id, event: 'die' })
    const failed = await untilState(person, view.id, 'failed')
    expect(failed.sandbox.detail).toContain('again and again')
    await reconciling.close()
  })
})

test('what cannot be recorded is not done', async () => {
  const person = await server.personWith('pm')
  await server.db.schema.alterTable('audit_events').renameTo('audit_events_away').execute()
  const answer = await create(person)
  expect(answer.status).toBe(500)
  expect(await server.db.selectFrom('prototypes').select('id').execute()).toEqual([])
  await server.db.schema.alterTable('audit_events_away').renameTo('audit_events').execute()
  expect(z.object({ error: z.object({ message: z.string() }) }).parse(answer.json).error.message).toContain(
    'request id',
  )
})

/** Prototypes whose sandbox has failed, as many as asked for. */
async function failedSandboxes(person: Person, count: number) {
  const ids = Array.from({ length: count }, () => ({ prototype: newId('pr'), sandbox: newId('sb') }))
  for (const { prototype, sandbox } of ids) {
    const named = { title: 'T', hypothesis: '', label: 'internal', policy: 'standard', removed_at: null }
    await server.db
      .insertInto('prototypes')
      .values({ id: prototype, owner_id: person.id, ...named })
      .execute()
    const policy = { policy_name: 'standard', policy_version: 1, runtime: 'runc' }
    await server.db
      .insertInto('sandboxes')
      .values({
        id: sandbox,
        prototype_id: prototype,
        owner_id: person.id,
        state: 'failed',
        user_slot: await takeUserSlot(server.db),
        ...policy,
      })
      .execute()
  }
  return ids.map(({ sandbox }) => sandbox)
}

describe('many starts at once', () => {
  test('of one sandbox: it is started once, and nobody else waits for a connection to the database', async () => {
    const person = await server.personWith('pm')
    const [id = ''] = await failedSandboxes(person, 1)
    const starts = Array.from({ length: 24 }, () => person.ask(`/api/v1/sandboxes/${id}/start`, { method: 'POST' }))
    const statuses = (await Promise.all(starts)).map(({ status }) => status)
    expect(statuses.toSorted()).toEqual([204, ...Array.from({ length: 23 }, () => 409)])
  })

  test('of many sandboxes: the limit for each person holds', async () => {
    const person = await server.personWith('pm')
    const ids = await failedSandboxes(person, 12)
    const starts = ids.map((id) => person.ask(`/api/v1/sandboxes/${id}/start`, { method: 'POST' }))
    const statuses = (await Promise.all(starts)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 204)).toHaveLength(standardPolicy.sandbox.perPerson)
  })
})

test.each([
  ['was disabled', { disabled_at: new Date() }],
  ['lost the role', { roles: ['security'] }],
])('who %s after the request was let in gets no prototype', async (_what, change) => {
  const person = await server.personWith('pm')
  await server.db.updateTable('people').set(change).where('id', '=', person.id).execute()
  const body = prototypeCreate.parse({ title: 'Late' })
  const id = personId.parse(person.id)
  const asked = { actor: { type: 'person', id }, person: id, correlation: 'x' } as const
  await expect(
    createPrototype({ db: server.db, chooseGateway: async () => 0 }, { asked, body, key: null }),
  ).rejects.toThrow('There is nothing here')
  expect(await server.events('prototype.created')).toEqual([])
})
