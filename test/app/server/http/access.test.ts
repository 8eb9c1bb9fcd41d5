/**
 * Who may call what: every route of the server × every role. The table is what we mean; the routes come from the server
 * itself, so a route that nobody listed here fails.
 */
import fastify from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Role, role } from '../../../../api/contract/people.ts'
import { newId } from '../../../../api/ids.ts'
import { keepAccess } from '../../../../api/server/http/access.ts'
import type { App } from '../../../../api/server/http/route.ts'
import { takeUserSlot } from '../../../../api/server/sandboxes/user-slots.ts'
import { startServer, type TestServer } from '../../../support/server/server.ts'

type Who = Role | 'nobody' | 'owner' | 'former owner'
const everybody: readonly Who[] = ['nobody', 'pm', 'security', 'admin', 'engineer', 'owner', 'former owner']
const signedIn: readonly Who[] = everybody.filter((who) => who !== 'nobody')

/** Method and path → who gets past the access check. `owner` is a pm who owns the prototype and the sandbox in the path; `former owner` owns them and is no pm any more. */
const expected: Record<string, readonly Who[]> = {
  'GET /healthz': everybody,
  'GET /readyz': everybody,
  'GET /api/openapi.json': everybody,
  'GET /*': everybody,
  'POST /api/v1/sessions': everybody,

  'DELETE /api/v1/sessions': signedIn,
  'GET /api/v1/me': signedIn,
  'PATCH /api/v1/me': signedIn,
  'GET /api/v1/tokens': signedIn,
  'POST /api/v1/tokens': signedIn,
  'DELETE /api/v1/tokens/:id': signedIn,

  'GET /api/v1/people': ['admin'],
  'POST /api/v1/people': ['admin'],
  'PATCH /api/v1/people/:id': ['admin'],
  'POST /api/v1/people/:id/link': ['admin'],
  'GET /api/v1/doctor': ['admin', 'security'],
  'GET /api/v1/gateways': ['admin', 'security'],
  'GET /api/v1/disk': ['admin', 'security'],

  'POST /api/v1/prototypes': ['pm', 'owner'],
  'GET /api/v1/prototypes': signedIn,
  'GET /api/v1/prototypes/:id': ['owner', 'security', 'admin'],
  'DELETE /api/v1/prototypes/:id': ['owner'],
  'GET /api/v1/sandboxes': ['security', 'admin'],
  'POST /api/v1/sandboxes/:id/exec': ['owner'],
  'POST /api/v1/sandboxes/:id/start': ['owner'],
  'POST /api/v1/sandboxes/:id/apply-policy': ['owner'],
  'POST /api/v1/sandboxes/:id/stop': ['owner', 'security', 'admin'],
  'DELETE /api/v1/sandboxes/:id': ['owner', 'security', 'admin'],
  'GET /api/v1/sandboxes/:id/terminals': ['owner'],
  'GET /api/v1/sandboxes/:id/terminals/:name': ['owner'],
  'POST /api/v1/sandboxes/:id/terminals/:name/ticket': ['owner'],
  'DELETE /api/v1/sandboxes/:id/terminals/:name': ['owner'],

  'GET /api/v1/policies': signedIn,
  'GET /api/v1/policies/:name': ['admin', 'security'],
  'POST /api/v1/policies/check': ['admin'],
  'POST /api/v1/policies/:name/publish': ['admin'],
  'GET /api/v1/models': ['admin'],
  'PUT /api/v1/models/providers/:id': ['admin'],
  'DELETE /api/v1/models/providers/:id': ['admin'],
  'POST /api/v1/models/providers/:id/test': ['admin'],
  'PUT /api/v1/models/assignments/:slot': ['admin'],

  'GET /api/v1/audit/events': ['security'],
  'GET /api/v1/audit/feed': ['security'],
  'GET /api/v1/audit/subjects': ['security'],
  'POST /api/v1/kill': ['admin', 'security'],
  'GET /api/v1/holds': ['admin', 'security'],
  'DELETE /api/v1/holds/:id': ['admin', 'security'],
}

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.close())

test('every route of the server is in the table, and nothing else is', () => {
  const routes = server.app.routeTable
    .filter(({ method }) => method !== 'HEAD')
    .map(({ method, url }) => `${method} ${url}`)
  expect(routes.toSorted()).toEqual(Object.keys(expected).toSorted())
})

/** Somebody who owns a prototype, and what its ids are. */
async function ownerWithSandbox() {
  const person = await server.personWith('pm')
  const prototype = newId('pr')
  const sandbox = newId('sb')
  const policy = { policy_name: 'standard', policy_version: 1 }
  await server.db
    .insertInto('prototypes')
    .values({
      id: prototype,
      title: 'T',
      hypothesis: '',
      label: 'internal',
      owner_id: person.id,
      policy: 'standard',
      removed_at: null,
    })
    .execute()
  await server.db
    .insertInto('sandboxes')
    .values({
      id: sandbox,
      prototype_id: prototype,
      owner_id: person.id,
      state: 'failed',
      user_slot: await takeUserSlot(server.db),
      runtime: 'runc',
      detail: null,
      image: null,
      ...policy,
    })
    .execute()
  return { person, prototype, sandbox }
}

function addressOf(url: string, { prototype, sandbox }: { prototype: string; sandbox: string }) {
  const id = url.includes('/prototypes/')
    ? prototype
    : url.includes('/sandboxes/')
      ? sandbox
      : url.includes('/people/')
        ? newId('pe')
        : 'xx'
  return url.replace(':id', id).replace(':name', 'main').replace(':slot', 'cloud').replace('/*', '/')
}

describe.each(Object.entries(expected))('%s', (route, allowed) => {
  const [method = '', url = ''] = route.split(' ')

  test.each(everybody.map((who) => [who, allowed.includes(who)] as const))('%s: %s', async (who, passes) => {
    const owned = await ownerWithSandbox()
    const path = addressOf(url, owned)
    // A body that no route takes: what gets past the access check is refused as invalid, or not found, by the handler.
    const asked = { method, ...(method === 'GET' || method === 'DELETE' ? {} : { body: { 'no such field': true } }) }
    if (who === 'nobody') {
      const { status } = await headOf(path, asked)
      if (passes) expect(status).not.toBe(401)
      else expect(status).toBe(401)
      return
    }
    const owns = who === 'owner' || who === 'former owner'
    const person = owns ? owned.person : await server.personWith(who)
    if (who === 'former owner')
      await server.db
        .updateTable('people')
        .set({ roles: ['engineer'] })
        .where('id', '=', person.id)
        .execute()
    const refusedBefore = await refusals()
    const { status } = await headOf(path, { ...asked, headers: { cookie: person.cookie } })
    expect(status).not.toBe(401)
    expect((await refusals()) - refusedBefore).toBe(passes ? 0 : 1)
    if (!passes) expect(status).toBe(404)
  })
})

const refusals = async () => (await server.events('request.refused')).length

/** Only the status: a live feed has no end. */
async function headOf(
  path: string,
  { method, body, headers = {} }: { method: string; body?: unknown; headers?: Record<string, string> },
) {
  const ending = new AbortController()
  const type = body === undefined ? {} : { 'content-type': 'application/json' }
  const response = await fetch(`${server.origin}${path}`, {
    method,
    headers: { origin: server.origin, ...type, ...headers },
    signal: ending.signal,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  ending.abort()
  return { status: response.status }
}

describe('forbidden and missing', () => {
  const withoutId = (text: string) => text.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/, '<id>')
  const headersOf = (headers: Headers) => [...headers].filter(([name]) => name !== 'date')

  test.each([
    ['a route that is not there', 'GET', '/api/v1/nothing'],
    ['a route for another role', 'GET', '/api/v1/people'],
    ['A13 the log', 'GET', '/api/v1/audit/events'],
    ['A13 the live log', 'GET', '/api/v1/audit/feed'],
    ['A13 whom the log can be asked about', 'GET', '/api/v1/audit/subjects'],
    ["somebody else's prototype", 'GET', '/api/v1/prototypes/<prototype>'],
    ['a prototype that is not there', 'GET', '/api/v1/prototypes/pr_aaaaaaaaaaaaaaaa'],
    ['an id that is none', 'GET', '/api/v1/prototypes/..%2f..%2fetc'],
    ["removing somebody else's sandbox", 'DELETE', '/api/v1/sandboxes/<sandbox>'],
    ['removing a sandbox that is not there', 'DELETE', '/api/v1/sandboxes/sb_aaaaaaaaaaaaaaaa'],
    ["a command in somebody else's sandbox", 'POST', '/api/v1/sandboxes/<sandbox>/exec'],
    ['stopping everything', 'POST', '/api/v1/kill'],
    ['a method that the route has not', 'PUT', '/api/v1/people'],
  ])('%s: the same answer, byte for byte', async (_what, method, path) => {
    const { prototype, sandbox } = await ownerWithSandbox()
    const person = await server.personWith('pm')
    const reference = await person.ask('/api/v1/no/such/route')
    const answer = await person.ask(path.replace('<prototype>', prototype).replace('<sandbox>', sandbox), { method })
    expect(answer.status).toBe(404)
    expect(withoutId(answer.text)).toBe(withoutId(reference.text))
    expect(headersOf(answer.headers)).toEqual(headersOf(reference.headers))
  })

  test('a refusal is in the log: who, which route, and never the body', async () => {
    const person = await server.personWith('pm')
    await person.ask('/api/v1/kill', { method: 'POST', body: { scope: 'everything' } })
    const mine = (await server.events('request.refused')).filter((event) => event.person === person.id)
    expect(mine).toEqual([
      expect.objectContaining({
        decision: 'deny',
        reason: 'not-permitted',
        detail: { method: 'POST', route: '/api/v1/kill', times: 1 },
      }),
    ])
  })

  test.each([
    ["somebody else's prototype", 'prototype', '/api/v1/prototypes/<id>'],
    ["somebody else's sandbox", 'sandbox', '/api/v1/sandboxes/<id>/terminals'],
  ] as const)('a refusal names whose %s it was about', async (_what, kind, path) => {
    const owned = await ownerWithSandbox()
    const person = await server.personWith('pm')
    await person.ask(path.replace('<id>', owned[kind]))
    const mine = (await server.events('request.refused')).filter((event) => event.person === person.id)
    expect(mine).toEqual([expect.objectContaining({ prototype: null, sandbox: null, [kind]: owned[kind] })])
  })
})

describe('asking again', () => {
  const refusedTo = async (person: { id: string }) =>
    (await server.events('request.refused')).filter((event) => event.person === person.id)

  test.each([
    ['prototype', 'GET', '/api/v1/prototypes/<prototype>'],
    ['prototype', 'DELETE', '/api/v1/prototypes/<prototype>'],
    ['sandbox', 'GET', '/api/v1/sandboxes/<sandbox>/terminals'],
    ['sandbox', 'DELETE', '/api/v1/sandboxes/<sandbox>'],
  ])(
    'for a %s of their own that they removed (%s %s) is nothing against them, and answered like any other',
    async (_what, method, path) => {
      const { person, prototype, sandbox } = await ownerWithSandbox()
      expect((await person.ask(`/api/v1/prototypes/${prototype}`, { method: 'DELETE' })).status).toBe(204)
      const address = path.replace('<prototype>', prototype).replace('<sandbox>', sandbox)
      const mine = await person.ask(address, { method })
      expect(await refusedTo(person)).toEqual([])

      const stranger = await server.personWith('pm')
      const theirs = await stranger.ask(address, { method })
      expect(withoutRequestId(mine.text)).toBe(withoutRequestId(theirs.text))
      expect(mine.status).toBe(404)
      expect(await refusedTo(stranger)).toHaveLength(1)
    },
  )

  test('somebody who made it and is no pm any more is refused, and that is recorded', async () => {
    const { person, prototype } = await ownerWithSandbox()
    await person.ask(`/api/v1/prototypes/${prototype}`, { method: 'DELETE' })
    await server.db
      .updateTable('people')
      .set({ roles: ['engineer'] })
      .where('id', '=', person.id)
      .execute()
    await person.ask(`/api/v1/prototypes/${prototype}`)
    expect(await refusedTo(person)).toHaveLength(1)
  })

  test('for the same thing is recorded at once, and then counted: every try is in the log when the server stops', async () => {
    const other = await startServer()
    try {
      const person = await other.personWith('pm')
      const polled = newId('pr')
      for (let times = 0; times < 5; times++) await person.ask(`/api/v1/prototypes/${polled}`)
      await person.ask(`/api/v1/prototypes/${newId('pr')}`)
      await (await other.personWith('pm')).ask(`/api/v1/prototypes/${polled}`)
      const before = await other.events('request.refused')
      expect(before.map(({ detail }) => detail.times)).toEqual([1, 1, 1])
      await other.app.close()
      const all = await other.events('request.refused')
      expect(all.slice(3)).toEqual([
        expect.objectContaining({
          person: person.id,
          prototype: polled,
          decision: 'deny',
          reason: 'not-permitted',
          detail: { method: 'GET', route: '/api/v1/prototypes/:id', times: 4 },
        }),
      ])
    } finally {
      await other.close()
    }
  })
})

const withoutRequestId = (text: string) => text.replace(/"requestId":"[^"]*"/, '')

test.each([
  ['a route that does not say who may call it', '/api/v1/forgotten', {}, 'does not say who may call it'],
  ['a route for an owner of nothing', '/api/v1/things/:id', { access: 'owner' }, 'an owner of what?'],
] as const)('%s does not register', (_what, url, config, words) => {
  const app: App = fastify().withTypeProvider<ZodTypeProvider>()
  keepAccess(app, { ownershipOf: async () => null, append: async () => undefined })
  expect(() => app.get(url, { config }, async () => 'x')).toThrow(words)
})

test('every role is tried', () => expect(everybody).toEqual(expect.arrayContaining(role.options)))
