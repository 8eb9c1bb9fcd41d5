/** What the gateway's control socket does, whoever answers on it: the real control plane and the peer that tests of the server stand on. */
import { connect as connectHttp2 } from 'node:http2'
import { connect as dial } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorBody, statusOf } from '../../../../api/contract/errors.ts'
import type { PersonId, SandboxId } from '../../../../api/contract/ids.ts'
import type { KillOrder } from '../../../../api/contract/programs/gateway.ts'
import type { ProbeResult } from '../../../../api/contract/prototypes.ts'
import { newId } from '../../../../api/ids.ts'
import { requiredProbes } from '../../../../api/policy/proof.ts'
import type { GatewayClient } from '../../../../api/server/nodes/gateway.ts'
import { readUntil } from '../../../support/sandbox/read-until.ts'
import { until } from '../../../support/until.ts'

export interface ControlUnderTest {
  client: GatewayClient
  socketPath: string
  person(): Promise<PersonId>
  /** A sandbox of this person, without a door yet. */
  sandbox(person?: PersonId): Promise<SandboxId>
  /** Somebody works in it: its door is open, and what its policy allows leaves. */
  claim(id: SandboxId): Promise<void>
  /** Resolves when the sandbox's porter has connected. */
  porter(id: SandboxId, probes?: ProbeResult[]): Promise<{ close(): void }>
  /** Resolves when a connection through the sandbox's door is open. */
  connect(id: SandboxId): Promise<{ isOpen(): Promise<boolean> }>
  close(): Promise<void>
}

const command = { argv: ['echo', 'hello'], cwd: '/', timeoutMs: 10_000 }
const main = { name: 'main', cols: 80, rows: 24 }
const refused = (): ProbeResult[] =>
  requiredProbes.map((probe) => ({ probe, expected: 'refused', got: 'refused', detail: '' }))

export function controlCases(start: () => Promise<ControlUnderTest>) {
  let world: ControlUnderTest
  let client: GatewayClient
  beforeAll(async () => {
    world = await start()
    client = world.client
  })
  afterAll(() => world.close())

  describe('doors', () => {
    test('a door is there from its opening to its closing, however often either is asked for', async () => {
      const id = await world.sandbox()
      expect(await client.doorStatus(id)).toEqual({ open: false, porter: 'absent', trusted: true, connections: 0 })
      const opened = await client.openDoor(id)
      expect(opened.directory).toContain(id)
      expect(await client.openDoor(id)).toEqual(opened)
      expect(await client.doorStatus(id)).toEqual({ open: true, porter: 'absent', trusted: true, connections: 0 })
      await client.closeDoor(id)
      await client.closeDoor(id)
      expect(await client.doorStatus(id)).toEqual({ open: false, porter: 'absent', trusted: true, connections: 0 })
    })

    test("opening or closing one sandbox's door leaves another's as it is", async () => {
      const [one, other] = [await world.sandbox(), await world.sandbox()]
      await client.openDoor(one)
      expect((await client.doorStatus(other)).open).toBe(false)
      await client.openDoor(other)
      await client.closeDoor(one)
      expect((await client.doorStatus(other)).open).toBe(true)
    })

    test('an id that nobody has is closed, and closing it is no error', async () => {
      const id = newId('sb')
      await client.closeDoor(id)
      expect(await client.doorStatus(id)).toEqual({ open: false, porter: 'absent', trusted: true, connections: 0 })
      await expect(client.exec(id, command)).rejects.toMatchObject({ code: 'sandbox_not_ready' })
    })
  })

  describe('while no porter is connected', () => {
    const needPorter: [string, (id: SandboxId) => Promise<unknown>][] = [
      ['a command', (id) => client.exec(id, command)],
      ['a new terminal', (id) => client.openTerminal(id, main)],
    ]
    test.each(needPorter)('%s is refused, with a closed door and with an open one', async (_what, ask) => {
      const id = await world.sandbox()
      await expect(ask(id)).rejects.toMatchObject({ code: 'sandbox_not_ready' })
      await client.openDoor(id)
      await expect(ask(id)).rejects.toMatchObject({ code: 'sandbox_not_ready' })
    })

    test('a proof waits for it, is refused behind a closed door, and ends when the door is closed', async () => {
      const [id, other] = [await world.sandbox(), await world.sandbox()]
      await expect(client.prove(id)).rejects.toMatchObject({ code: 'sandbox_not_ready' })
      await world.claim(id)
      await world.claim(other)
      const [proof, closed] = [client.prove(id), client.prove(other).catch((error) => error)]
      await world.porter(id, refused())
      expect(await proof).toMatchObject({ ok: true })
      await client.closeDoor(other)
      expect(await closed).toMatchObject({ code: 'sandbox_not_ready' })
    })

    const nameTerminal: [string, (id: SandboxId) => Promise<unknown>][] = [
      ['resized', (id) => client.resizeTerminal(id, 'main', { cols: 100, rows: 30 })],
      ['closed', (id) => client.closeTerminal(id, 'main')],
      ['looked into', (id) => client.streamTerminal(id, 'main', null)],
    ]
    test.each(nameTerminal)('a terminal that is not there cannot be %s', async (_what, ask) => {
      const id = await world.sandbox()
      await expect(ask(id)).rejects.toMatchObject({ code: 'sandbox_not_ready' })
      await client.openDoor(id)
      await expect(ask(id)).rejects.toMatchObject({ code: 'not_found' })
    })

    test('there is no list of terminals behind a closed door, and an empty one behind an open door', async () => {
      const id = await world.sandbox()
      await expect(client.terminals(id)).rejects.toMatchObject({ code: 'sandbox_not_ready' })
      await client.openDoor(id)
      expect(await client.terminals(id)).toEqual({ items: [] })
    })
  })

  describe('with a porter', () => {
    async function connected(probes?: ProbeResult[]) {
      const id = await world.sandbox()
      await world.claim(id)
      return { id, porter: await world.porter(id, probes) }
    }

    test('the door says so until the porter goes away', async () => {
      const { id, porter } = await connected()
      expect(await client.doorStatus(id)).toEqual({ open: true, porter: 'connected', trusted: true, connections: 0 })
      porter.close()
      await until('it is absent', async () => ((await client.doorStatus(id)).porter === 'absent' ? true : null))
      await expect(client.exec(id, command)).rejects.toMatchObject({ code: 'sandbox_not_ready' })
    })

    test("a command runs in the sandbox that was named, and another's has neither porter nor terminals of it", async () => {
      const { id } = await connected()
      const other = await world.sandbox()
      await client.openDoor(other)
      expect(await client.exec(id, command)).toEqual({ exitCode: 0, stdout: 'hello\n', stderr: '', truncated: false })
      await client.openTerminal(id, main)
      await expect(client.exec(other, command)).rejects.toMatchObject({ code: 'sandbox_not_ready' })
      expect(await client.terminals(other)).toEqual({ items: [] })
      await expect(client.streamTerminal(other, 'main', null)).rejects.toMatchObject({ code: 'not_found' })
      await expect(client.closeTerminal(other, 'main')).rejects.toMatchObject({ code: 'not_found' })
      expect(await client.terminals(id)).toMatchObject({ items: [{ name: 'main', running: true }] })
    })

    test('a terminal is opened once, resized, closed, and listed all the while', async () => {
      const { id } = await connected()
      expect(await client.openTerminal(id, main)).toMatchObject({ ...main, running: true, exitCode: null })
      expect(await client.openTerminal(id, { ...main, cols: 100 })).toMatchObject({ ...main, running: true })
      await client.resizeTerminal(id, 'main', { cols: 132, rows: 43 })
      expect((await client.terminals(id)).items).toMatchObject([{ name: 'main', cols: 132, rows: 43, running: true }])
      await client.closeTerminal(id, 'main')
      await client.closeTerminal(id, 'main')
      const { items } = await client.terminals(id)
      expect(items).toMatchObject([{ name: 'main', running: false, reason: 'closed by a person' }])
      expect(await client.openTerminal(id, main)).toMatchObject({ name: 'main', running: true, offset: 0 })
    })

    test('a terminal is a stream both ways, from an offset on', async () => {
      const { id } = await connected()
      await client.openTerminal(id, main)
      const { offset, bytes } = await client.streamTerminal(id, 'main', null)
      expect(offset).toBe(0)
      bytes.write('echo typed\r')
      await readUntil(bytes, 'typed')
      bytes.destroy()
      expect((await client.terminals(id)).items).toMatchObject([{ name: 'main', running: true }])
    })

    test('a proof holds when everything that must be refused was refused', async () => {
      const { id } = await connected(refused())
      const proof = await client.prove(id)
      expect(proof.ok).toBe(true)
      expect(proof.probes.map(({ probe }) => probe)).toEqual(requiredProbes)
    })

    test.each<[string, ProbeResult[]]>([
      ['something passed', refused().map((probe, at) => (at === 0 ? { ...probe, got: 'passed' } : probe))],
      [
        'something failed for another reason',
        refused().map((probe, at) => (at === 3 ? { ...probe, got: 'error' } : probe)),
      ],
      ['something was not tried', refused().slice(1)],
      [
        'the sandbox calls a passage expected',
        refused().map((probe) => ({ ...probe, expected: 'passed', got: 'passed' })),
      ],
    ])('a proof does not hold when %s', async (_what, probes) => {
      const { id } = await connected(probes)
      expect((await client.prove(id)).ok).toBe(false)
    })
  })

  describe('kill', () => {
    /** Two sandboxes of one person, one of another, each with an open connection. */
    async function three() {
      const [person, other] = [await world.person(), await world.person()]
      const ids = [await world.sandbox(person), await world.sandbox(person), await world.sandbox(other)] as const
      for (const id of ids) await world.claim(id)
      const [first, second, third] = [
        await world.connect(ids[0]),
        await world.connect(ids[1]),
        await world.connect(ids[2]),
      ]
      return { person, ids, connections: [first, second, third] }
    }
    type Three = Awaited<ReturnType<typeof three>>

    test.each<[string, (at: Three) => KillOrder, boolean[]]>([
      ['one sandbox', ({ ids }) => ({ scope: 'sandbox', id: ids[0] }), [false, true, true]],
      ["a person's", ({ person }) => ({ scope: 'person', id: person }), [false, false, true]],
      ['everything', () => ({ scope: 'everything' }), [false, false, false]],
      ['a sandbox that nobody has', () => ({ scope: 'sandbox', id: newId('sb') }), [true, true, true]],
      ["a person's who has none", () => ({ scope: 'person', id: newId('pe') }), [true, true, true]],
    ])('%s: within a second what it names is closed, and nothing else', async (_what, orderFor, expected) => {
      const at = await three()
      await client.kill(orderFor(at))
      const open = () => Promise.all(at.connections.map((connection) => connection.isOpen()))
      await until('they are closed', async () => (String(await open()) === String(expected) ? true : null), 1000)
      for (const id of at.ids) expect(await client.doorStatus(id)).toMatchObject({ open: true })
    })
  })

  describe('providers', () => {
    const provider = { kind: 'openai' as const, baseUrl: 'http://127.0.0.1:9', place: 'local' as const }
    test('one that is stored can be tested and removed; one that is not is not found', async () => {
      const by = await world.person()
      await expect(client.testProvider('own', by)).rejects.toMatchObject({ code: 'not_found' })
      await client.saveProvider('own', provider, by)
      expect((await client.testProvider('own', by)).message).not.toBe('')
      await client.removeProvider('own', by)
      await client.removeProvider('own', by)
      await expect(client.testProvider('own', by)).rejects.toMatchObject({ code: 'not_found' })
    })
  })

  test('it says that it is well', async () => {
    await until('it has connected', async () => ((await client.health()).ok ? true : null))
    expect(await client.health()).toEqual({ ok: true, audit: true, reason: null })
  })

  describe('what is refused names the field, in one form', () => {
    const id = 'sb_aaaaaaaaaaaaaaaa'
    test.each<[string, string, string, unknown, keyof typeof statusOf, RegExp]>([
      ['an unknown address', 'GET', '/nothing', undefined, 'not_found', /./],
      ['an unknown verb', 'POST', `/sandboxes/${id}/unknown`, {}, 'not_found', /./],
      [
        'an id of another form',
        'GET',
        '/sandboxes/root',
        undefined,
        'invalid_request',
        /^id: must be of the form \^sb_/,
      ],
      ["a person's id for a sandbox", 'PUT', '/sandboxes/pe_aaaaaaaaaaaaaaaa', undefined, 'invalid_request', /^id: /],
      ['an id with a path in it', 'DELETE', '/sandboxes/..%2f..%2fgateway', undefined, 'invalid_request', /^id: /],
      ['a body that is not JSON', 'POST', '/kill', '{"scope":', 'invalid_request', /JSON/],
      ['no body', 'POST', '/kill', undefined, 'invalid_request', /^the body: /],
      [
        'an unknown scope',
        'POST',
        '/kill',
        { scope: 'all' },
        'invalid_request',
        /^scope: must be one of sandbox, person, everything$/,
      ],
      ['a scope without its id', 'POST', '/kill', { scope: 'person' }, 'invalid_request', /^id: is missing$/],
      [
        'an order with more in it',
        'POST',
        '/kill',
        { scope: 'everything', id },
        'invalid_request',
        /^id: there is no such field$/,
      ],
      [
        'a command without words',
        'POST',
        `/sandboxes/${id}/exec`,
        { argv: [] },
        'invalid_request',
        /^argv: must have at least 1 entry$/,
      ],
      [
        'a terminal without a width',
        'POST',
        `/sandboxes/${id}/terminals`,
        { name: 'main', rows: 24 },
        'invalid_request',
        /^cols: is missing$/,
      ],
      [
        'a terminal that is too wide',
        'POST',
        `/sandboxes/${id}/terminals`,
        { ...main, cols: 5000 },
        'invalid_request',
        /^cols: must be at most 1000$/,
      ],
      [
        'a provider that nobody vouches for',
        'DELETE',
        '/providers/own',
        undefined,
        'invalid_request',
        /^by: is missing$/,
      ],
      [
        'a test of a provider that nobody vouches for',
        'POST',
        '/providers/own/test',
        undefined,
        'invalid_request',
        /^by: is missing$/,
      ],
    ])('%s', async (_what, method, path, body, code, message) => {
      const answer = await ask(world.socketPath, method, path, body)
      expect(answer.status).toBe(statusOf[code])
      const { error } = errorBody.parse(JSON.parse(answer.text))
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
      expect(error.requestId).not.toBe('')
    })
  })
}

/** One request as no client of ours would send it. */
async function ask(socketPath: string, method: string, path: string, body: unknown) {
  const session = connectHttp2('http://gateway', { createConnection: () => dial(socketPath) })
  try {
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    const stream = session.request({ ':method': method, ':path': path, ...type }, { endStream: body === undefined })
    if (body !== undefined) stream.end(typeof body === 'string' ? body : JSON.stringify(body))
    const status = new Promise<number>((done) => stream.once('response', (head) => done(head[':status'] ?? 0)))
    return { status: await status, text: await text(stream) }
  } finally {
    session.destroy()
  }
}
