/** A door whose disk becomes low: one sandbox's way out is shut, counted, and opened again. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { AuditEvent } from '../../../../api/contract/audit.ts'
import { createKeyedQueue } from '../../../../api/flow/keyed-queue.ts'
import { openDoor } from '../../../../api/gateway/door.ts'
import { dialAddress } from '../../../../api/gateway/egress/dial.ts'
import { createDemo } from '../../../../api/gateway/models/demo/answer.ts'
import { gaugeOn, roomy, someDisk } from '../../../support/room.ts'
import { until } from '../../../support/until.ts'
import { identityFor, PUBLIC, policy, rule } from '../egress/world/world.ts'

const PORTER_USER = 1_879_048_192
type World = Awaited<ReturnType<typeof openWorld>>
let world: World
beforeEach(async () => {
  world = await openWorld()
})
afterEach(() => world.close())

async function openWorld() {
  const folder = await mkdtemp(join(tmpdir(), 'bl-'))
  const held = new Set<ServerResponse>()
  const upstream = createServer((asked, response) => {
    if (asked.url !== '/slow') return response.end('hello')
    held.add(response)
    response.write('begun')
  })
  await new Promise<void>((done) => upstream.listen(0, '127.0.0.1', done))
  const { port }: Pick<AddressInfo, 'port'> = Object(upstream.address())
  const events: AuditEvent[] = []
  const append = async (event: AuditEvent) => {
    events.push(event)
  }
  const room = await gaugeOn(someDisk())
  const who = { identity: identityFor(policy([rule({ host: 'example.org', protocol: 'http' })])) }
  const door = await openDoor(who.identity.sandbox, {
    directory: folder,
    recordings: join(folder, 'recordings'),
    porterUser: PORTER_USER,
    sandbox: { id: who.identity.sandbox, current: () => who.identity, owner: () => null },
    egress: {
      append,
      resolve: async () => [PUBLIC],
      dial: ({ timeoutMs }) => dialAddress({ address: '127.0.0.1', port, timeoutMs }),
      own: () => new Set<string>(),
    },
    models: {
      append,
      providers: { catalog: () => ({ providers: new Map(), assignments: [] }), keyOf: () => null },
      demo: createDemo(),
    },
    compression: createKeyedQueue(),
    gauge: room.gauge,
    shared: roomy,
    log: pino({ level: 'silent' }),
  })
  room.gauge.onChange(({ low }) => low && door.shutForRoom())

  function send(socket: 'egress' | 'model', path: string, body?: string): Promise<IncomingMessage> {
    const method = body === undefined ? 'GET' : 'POST'
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const headers = { host: 'example.org', ...(body === undefined ? {} : { 'content-length': body.length }) }
    request({ socketPath: join(folder, `${socket}.sock`), path, method, headers }, resolve)
      .on('error', reject)
      .end(body)
    return promise
  }
  return {
    events,
    room,
    who,
    send,
    out: (path = '/') => send('egress', `http://example.org${path}`),
    async close() {
      for (const response of held) response.destroy()
      await door.close({ remove: false })
      upstream.close()
      await room.gauge.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function textOf(answer: IncomingMessage): Promise<string> {
  answer.setEncoding('utf8')
  let text = ''
  for await (const piece of answer) text += piece
  return text
}
const kinds = () => world.events.map(({ kind }) => kind)

test('while the disk is low nothing leaves, with words that say so; when it has room again everything does (A40)', async () => {
  expect(await textOf(await world.out())).toBe('hello')
  await world.room.set(someDisk(1), true)
  for (const refused of [await world.out(), await world.send('model', '/v1/chat/completions', '{}')]) {
    expect(refused.statusCode).toBe(507)
    expect(refused.headers['x-backlot-reason']).toBe('no-room')
    expect(await textOf(refused)).toContain('The disk is nearly full')
  }
  await world.room.set(someDisk(), false)
  expect(await textOf(await world.out())).toBe('hello')
})

test('what is open is closed, and its end is recorded (A40)', async () => {
  const slow = await world.out('/slow')
  const ended = new Promise((done) => slow.on('error', done).on('close', done).resume())
  await world.room.set(someDisk(1), true)
  await ended
  const end = await until('its end is recorded', () => world.events.find(({ kind }) => kind === 'egress.ended') ?? null)
  expect(end).toMatchObject({ detail: { outcome: 'limit' } })
})

test('a flood that is refused costs the log one event, and later one with their number (A40)', async () => {
  await world.room.set(someDisk(1), true)
  const answered = await Promise.allSettled(Array.from({ length: 300 }, () => world.out()))
  // After the first few a connection is closed without words.
  expect(answered.some(({ status }) => status === 'rejected')).toBe(true)
  expect(kinds()).toEqual(['sandbox.refused'])
  await world.close()
  expect(world.events.slice(1)).toMatchObject([{ kind: 'sandbox.refused', reason: 'no-room', detail: { times: 299 } }])
  world = await openWorld()
})

test('a proof goes on, because it is not the sandbox that asks', async () => {
  world.who.identity = { ...world.who.identity, proving: true }
  await world.room.set(someDisk(1), true)
  expect(await textOf(await world.out())).toBe('hello')
})
