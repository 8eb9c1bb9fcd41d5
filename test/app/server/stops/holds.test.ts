/** What is on hold is run, started and deleted by nobody until security or an admin releases it. */
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'
import { holdList, hold as holdShape } from '../../../../api/contract/holds.ts'
import { apiTokenCreated } from '../../../../api/contract/people.ts'
import { type PrototypeView, prototypeView } from '../../../../api/contract/prototypes.ts'
import { ticket } from '../../../../api/contract/terminal.ts'
import { startServer, type TestServer } from '../../../support/server/server.ts'
import { until } from '../../../support/until.ts'

let server: TestServer
beforeEach(async () => {
  server = await startServer()
})
afterEach(() => server.close())

type Person = Awaited<ReturnType<TestServer['personWith']>>

const REASON = 'It sent customer data to paste.example.net.'
const create = (person: Person, headers: Record<string, string> = {}) =>
  person.ask('/api/v1/prototypes', { method: 'POST', body: { title: 'A page' }, headers })
async function ready(person: Person): Promise<PrototypeView> {
  const made = prototypeView.parse((await create(person)).json)
  await until('it is ready', async () => ((await stateOf(made)) === 'claimed' ? true : null))
  await server.sandboxes.idle()
  return made
}
const stateOf = async ({ sandbox }: PrototypeView) => {
  const { state } = await server.db
    .selectFrom('sandboxes')
    .select('state')
    .where('id', '=', sandbox.id)
    .executeTakeFirstOrThrow()
  return state
}
const look = async (person: Person, { id }: PrototypeView) =>
  prototypeView.parse((await person.ask(`/api/v1/prototypes/${id}`)).json)
const kill = (by: Person, body: object) => by.ask('/api/v1/kill', { method: 'POST', body })
async function hold(by: Person, target: object) {
  const answer = await kill(by, { reason: REASON, hold: true, ...target })
  expect(answer.status).toBe(201)
  return holdShape.parse(answer.json)
}
const release = (by: Person, id: string) => by.ask(`/api/v1/holds/${id}`, { method: 'DELETE' })
const held = { status: 423, json: { error: { code: 'held' } } }
const messageOf = ({ json }: { json: unknown }) =>
  z.object({ error: z.object({ message: z.string() }) }).parse(json).error.message

/** The three scopes, as an order names them. */
const scopes = [
  ['the sandbox', ({ sandbox }: PrototypeView) => ({ scope: 'sandbox', id: sandbox.id })],
  ['its owner', ({ owner }: PrototypeView) => ({ scope: 'person', id: owner.id })],
  ['everything', () => ({ scope: 'everything' })],
] as const

describe.each(scopes)('U19 with a hold on %s', (_scope, target) => {
  /** Everything that would run, start or end something of the owner's. */
  const tries: [string, (owner: Person, made: PrototypeView) => ReturnType<Person['ask']>][] = [
    ['a start', (owner, { sandbox }) => owner.ask(`/api/v1/sandboxes/${sandbox.id}/start`, { method: 'POST' })],
    [
      'a command',
      (owner, { sandbox }) =>
        owner.ask(`/api/v1/sandboxes/${sandbox.id}/exec`, { method: 'POST', body: { argv: ['true'] } }),
    ],
    [
      'a ticket for a terminal',
      (owner, { sandbox }) => owner.ask(`/api/v1/sandboxes/${sandbox.id}/terminals/main/ticket`, { method: 'POST' }),
    ],
    [
      'deleting the sandbox',
      (owner, { sandbox }) => owner.ask(`/api/v1/sandboxes/${sandbox.id}`, { method: 'DELETE' }),
    ],
    ['deleting the prototype', (owner, { id }) => owner.ask(`/api/v1/prototypes/${id}`, { method: 'DELETE' })],
  ]

  test('the owner gets nothing done, and is told why, by whom and whom to ask', async () => {
    const [owner, security] = [await server.personWith('pm'), await server.personWith('security')]
    const made = await ready(owner)
    await hold(security, target(made))
    expect(await stateOf(made)).toBe('stopped')
    for (const [what, attempt] of tries) {
      const answer = await attempt(owner, made)
      expect([what, answer]).toMatchObject([what, held])
      expect(messageOf(answer)).toContain(REASON)
      expect(messageOf(answer)).toContain(security.email)
    }
    const { sandbox } = await look(owner, made)
    expect(sandbox).toMatchObject({ state: 'stopped', holds: [{ reason: REASON, by: { email: security.email } }] })
    expect(await stateOf(made)).toBe('stopped')
    await until('its container has ended', () => server.peers.containers.get(made.sandbox.id) === 'exited' || null)
  })

  test("the owner's API token gets no further", async () => {
    const [owner, security] = [await server.personWith('pm'), await server.personWith('security')]
    const made = await ready(owner)
    const { json } = await owner.ask('/api/v1/tokens', { method: 'POST', body: { name: 'loop' } })
    const authorization = `Bearer ${apiTokenCreated.parse(json).token}`
    await hold(security, target(made))
    const path = `/api/v1/sandboxes/${made.sandbox.id}/start`
    expect(await server.ask(path, { method: 'POST', headers: { authorization } })).toMatchObject(held)
  })

  test('to others and admins its start looks missing, as ever', async () => {
    const [owner, security] = [await server.personWith('pm'), await server.personWith('security')]
    const made = await ready(owner)
    await hold(security, target(made))
    for (const other of [await server.personWith('pm'), await server.personWith('admin'), security])
      expect((await other.ask(`/api/v1/sandboxes/${made.sandbox.id}/start`, { method: 'POST' })).status).toBe(404)
  })

  test('released, it stays stopped until its owner starts it', async () => {
    const [owner, security, admin] = [
      await server.personWith('pm'),
      await server.personWith('security'),
      await server.personWith('admin'),
    ]
    const made = await ready(owner)
    const placed = await hold(security, target(made))
    expect((await release(admin, placed.id)).status).toBe(204)
    expect((await release(admin, placed.id)).status).toBe(404)
    await server.sandboxes.idle()
    expect(await look(owner, made)).toMatchObject({ sandbox: { state: 'stopped', holds: [] } })
    expect((await owner.ask(`/api/v1/sandboxes/${made.sandbox.id}/start`, { method: 'POST' })).status).toBe(204)
    await until('it is ready', async () => ((await stateOf(made)) === 'claimed' ? true : null))
  })

  test('a new prototype is made by those whom it does not cover', async () => {
    const [owner, other, security] = [
      await server.personWith('pm'),
      await server.personWith('pm'),
      await server.personWith('security'),
    ]
    const made = await ready(owner)
    const { scope } = await hold(security, target(made))
    const key = { 'idempotency-key': 'again' }
    expect((await create(owner, key)).status).toBe(scope === 'sandbox' ? 201 : 423)
    expect((await create(other)).status).toBe(scope === 'everything' ? 423 : 201)
  })

  test('the hold and its end are in the log, with scope and reason, and last over a restart of the server', async () => {
    const [owner, security] = [await server.personWith('pm'), await server.personWith('security')]
    const made = await ready(owner)
    const placed = await hold(security, target(made))
    const order: { scope: string; id?: string } = target(made)
    const detail = { hold: placed.id, scope: order.scope, target: order.id ?? null, why: REASON }
    const about = order.scope === 'sandbox' ? { sandbox: made.sandbox.id, prototype: made.id } : { sandbox: null }
    const told = { person: security.id, decision: 'allow', detail, ...about }
    expect(await server.events('hold.placed')).toEqual([expect.objectContaining(told)])
    expect(await server.events('kill.ordered')).toHaveLength(1)
    const { json } = await security.ask('/api/v1/holds')
    expect(holdList.parse(json).items).toEqual([placed])
    await release(security, placed.id)
    expect(await server.events('hold.released')).toEqual([expect.objectContaining(told)])
    expect(holdList.parse((await security.ask('/api/v1/holds')).json).items).toEqual([])
  })
})

test('U19 of several holds on one sandbox each has to be released', async () => {
  const [owner, security] = [await server.personWith('pm'), await server.personWith('security')]
  const made = await ready(owner)
  const placed = []
  for (const [, target] of scopes) placed.push(await hold(security, target(made)))
  expect((await look(owner, made)).sandbox.holds.map(({ scope }) => scope)).toEqual(['sandbox', 'person', 'everything'])
  const start = () => owner.ask(`/api/v1/sandboxes/${made.sandbox.id}/start`, { method: 'POST' })
  for (const { id } of placed) {
    expect(await start()).toMatchObject(held)
    await release(security, id)
  }
  expect((await start()).status).toBe(204)
})

describe('U19 who may place and release', () => {
  test('a pm gets the answer of an address that is not there, and nothing changes', async () => {
    const [owner, security] = [await server.personWith('pm'), await server.personWith('security')]
    const made = await ready(owner)
    const withoutId = (text: string) => text.replace(/"requestId":"[^"]*"/, '')
    const missing = withoutId((await owner.ask('/api/v1/no/such/route')).text)
    const order = { scope: 'sandbox', id: made.sandbox.id, reason: REASON, hold: true }
    expect(withoutId((await kill(owner, order)).text)).toBe(missing)
    expect(await stateOf(made)).toBe('claimed')
    const placed = await hold(security, { scope: 'sandbox', id: made.sandbox.id })
    expect(withoutId((await release(owner, placed.id)).text)).toBe(missing)
    expect(withoutId((await owner.ask('/api/v1/holds')).text)).toBe(missing)
    expect((await look(owner, made)).sandbox.holds).toHaveLength(1)
  })

  test('nobody holds themselves, and who is held releases nothing', async () => {
    const [both, security] = [await server.personWith('pm', 'security'), await server.personWith('security')]
    expect(await kill(both, { scope: 'person', id: both.id, reason: REASON, hold: true })).toMatchObject({
      status: 409,
      json: { error: { code: 'conflict' } },
    })
    const onThem = await hold(security, { scope: 'person', id: both.id })
    const onAll = await hold(security, { scope: 'everything' })
    for (const { id } of [onThem, onAll]) expect(await release(both, id)).toMatchObject(held)
    expect(holdList.parse((await security.ask('/api/v1/holds')).json).items).toHaveLength(2)
  })

  test.each([
    ['a sandbox', { scope: 'sandbox', id: 'sb_aaaaaaaaaaaaaaaa' }],
    ['a person', { scope: 'person', id: 'pe_aaaaaaaaaaaaaaaa' }],
  ])('%s that is not there is not found', async (_what, order) => {
    const security = await server.personWith('security')
    for (const more of [{}, { hold: true, reason: REASON }])
      expect((await kill(security, { ...order, ...more })).status).toBe(404)
    expect(await server.events('kill.ordered')).toEqual([])
  })
})

describe('the reason', () => {
  test.each([
    ['is missing', undefined, /^reason: A hold needs a reason/],
    ['is empty', '', /^reason: /],
    ['is blank', ' \t ', /^reason: /],
    ['is too long', 'x'.repeat(301), /^reason: must be at most 300 characters/],
    ['has two lines', 'one\ntwo', /^reason: Leave out characters that cannot be shown/],
    ['hides instructions for an agent', 'Stop\u{e0041}\u{e0042}', /^reason: Leave out characters that cannot be shown/],
    ['turns the reading direction', 'Stop \u202e', /^reason: Leave out characters that cannot be shown/],
  ])('that %s is refused, and nothing is stopped (U17)', async (_what, reason, message) => {
    const [owner, security] = [await server.personWith('pm'), await server.personWith('security')]
    const made = await ready(owner)
    const answer = await kill(security, { scope: 'everything', hold: true, reason })
    expect(answer.status).toBe(400)
    expect(messageOf(answer)).toMatch(message)
    expect(await stateOf(made)).toBe('claimed')
  })

  test('of a mere stop is shown too, where there is one', async () => {
    const [owner, security] = [await server.personWith('pm'), await server.personWith('security')]
    const made = await ready(owner)
    expect((await kill(security, { scope: 'everything', reason: 'A drill.' })).status).toBe(204)
    expect((await look(owner, made)).sandbox).toMatchObject({
      detail: expect.stringMatching(/^Stopped by .+: A drill\.$/),
      holds: [],
    })
    expect((await owner.ask(`/api/v1/sandboxes/${made.sandbox.id}/start`, { method: 'POST' })).status).toBe(204)
  })
})

describe('a hold and a start at the same moment (U19)', () => {
  const startAndHold = async (owner: Person, security: Person, made: PrototypeView) => {
    const [started, ordered] = await Promise.all([
      owner.ask(`/api/v1/sandboxes/${made.sandbox.id}/start`, { method: 'POST' }),
      kill(security, { scope: 'everything', hold: true, reason: REASON }),
    ])
    expect([204, 423]).toContain(started.status)
    return holdShape.parse(ordered.json)
  }

  test('however they fall, nothing runs afterwards', async () => {
    const [owner, security] = [await server.personWith('pm'), await server.personWith('security')]
    const made = await ready(owner)
    await kill(security, { scope: 'everything' })
    for (let round = 0; round < 15; round += 1) {
      const placed = await startAndHold(owner, security, made)
      await server.sandboxes.idle()
      expect(['stopped', 'failed']).toContain(await stateOf(made))
      expect(server.peers.containers.get(made.sandbox.id)).not.toBe('running')
      await release(security, placed.id)
    }
  })

  /** A connection of the test's own that has locked what a start locks, until it is told to let go. */
  async function lockedBy(statement: ReturnType<typeof sql>) {
    const [letGo, has] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const over = server.db.transaction().execute(async (trx) => {
      await statement.execute(trx)
      has.resolve()
      await letGo.promise
    })
    await has.promise
    return async () => {
      letGo.resolve()
      await over
    }
  }
  const waiting = async (count: number) => {
    const { rows } = await sql<{ n: number }>`SELECT count(*)::int AS n FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`.execute(server.db)
    return (rows[0]?.n ?? 0) >= count || null
  }

  test('a start that is half done when the hold comes is committed first, and then stopped', async () => {
    const [owner, security] = [await server.personWith('pm'), await server.personWith('security')]
    const made = await ready(owner)
    await kill(security, { scope: 'everything' })
    const letGo = await lockedBy(sql`SELECT id FROM people WHERE id = ${owner.id} FOR UPDATE`)
    const starting = owner.ask(`/api/v1/sandboxes/${made.sandbox.id}/start`, { method: 'POST' })
    await until('the start waits for its owner', () => waiting(1))
    const holding = kill(security, { scope: 'sandbox', id: made.sandbox.id, hold: true, reason: REASON })
    await until('the hold waits for the start', () => waiting(2))
    await letGo()
    expect((await starting).status).toBe(204)
    expect((await holding).status).toBe(201)
    await server.sandboxes.idle()
    expect(await stateOf(made)).toBe('failed')
    expect(server.peers.containers.get(made.sandbox.id)).not.toBe('running')
  })

  test('a start or a new prototype that comes while the hold is being placed waits for it, and is refused', async () => {
    const [owner, security] = [await server.personWith('pm'), await server.personWith('security')]
    const made = await ready(owner)
    await kill(security, { scope: 'everything' })
    const letGo = await lockedBy(sql`SELECT id FROM sandboxes WHERE id = ${made.sandbox.id} FOR UPDATE`)
    const holding = kill(security, { scope: 'everything', hold: true, reason: REASON })
    await until('the hold waits for the sandbox', () => waiting(1))
    const tries = [owner.ask(`/api/v1/sandboxes/${made.sandbox.id}/start`, { method: 'POST' }), create(owner)]
    await until('both wait for the hold', () => waiting(3))
    await letGo()
    expect((await holding).status).toBe(201)
    for (const answer of await Promise.all(tries)) expect(answer).toMatchObject(held)
  })
})

describe('a person who is held keeps nothing open (U20)', () => {
  const feed = (person: Person) =>
    fetch(`${server.origin}/api/v1/audit/feed`, { headers: { cookie: person.cookie, origin: server.origin } })

  test('neither a terminal nor a feed, and a new one ends at once', async () => {
    const [both, security] = [await server.personWith('pm', 'security'), await server.personWith('security')]
    const made = await ready(both)
    const { json } = await both.ask(`/api/v1/sandboxes/${made.sandbox.id}/terminals/main/ticket`, { method: 'POST' })
    const address = server.origin.replace('http', 'ws')
    const socket = new WebSocket(
      `${address}/api/v1/sandboxes/${made.sandbox.id}/terminals/main?ticket=${ticket.parse(json).ticket}`,
      { headers: { cookie: both.cookie, origin: server.origin } },
    )
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    await new Promise<void>((resolve) => socket.once('message', () => resolve()))
    const following = await feed(both)
    const ended = following.text()
    await hold(security, { scope: 'person', id: both.id })
    await Promise.all([closed, ended])
    expect(await (await feed(both)).text()).toContain('the live log')
    expect((await both.ask('/api/v1/me')).status).toBe(200)
  })

  test('everything being held ends nobody’s reading of the log', async () => {
    const placing = await startServer({ withSequencer: true })
    const security = await placing.personWith('security')
    const headers = { cookie: security.cookie, origin: placing.origin }
    const following = await fetch(`${placing.origin}/api/v1/audit/feed`, { headers })
    const order = { scope: 'everything', hold: true, reason: REASON }
    expect((await security.ask('/api/v1/kill', { method: 'POST', body: order })).status).toBe(201)
    const read = { text: '' }
    for await (const piece of following.body ?? []) {
      read.text += Buffer.from(piece).toString('utf8')
      if (read.text.includes('hold.placed')) break
    }
    expect(read.text).toContain(REASON)
    await placing.close()
  })
})
