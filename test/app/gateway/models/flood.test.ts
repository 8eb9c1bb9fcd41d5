/** What one sandbox can make the log write through its model socket: no more than its budget, and nothing is missing. */
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import type { AuditEvent } from '../../../../api/contract/audit.ts'
import { USUAL_LIMITS } from '../../../../api/gateway/models/limits.ts'
import { closed } from '../../../support/closed.ts'
import { keptForOneTest } from '../../../support/kept.ts'
import { openModelDoor, someone, somePolicy } from '../../../support/models/door.ts'
import { json, openProvider } from '../../../support/models/provider.ts'

const keep = keptForOneTest()
const PATIENT = { timeout: 20_000 }
const events = { burst: 200, perSecond: 5 }
/** The burst, what came back since, and one event at once and one count for each of 32 targets and for each reason. */
const mostSince = (startedMs: number) =>
  events.burst + (events.perSecond * (performance.now() - startedMs)) / 1000 + 100
const FLOOD = 1_000

const timesOf = (all: readonly AuditEvent[]) =>
  all
    .filter(({ decision }) => decision === 'deny')
    .reduce((sum, { detail }) => sum + ('folded' in detail && detail.folded ? detail.folded.times : 1), 0)

async function setUp(perSecond = 50_000) {
  const upstream = keep(await openProvider((_request, response) => json(response, 200, { choices: [] })))
  const door = keep(
    await openModelDoor({
      providers: [upstream.as('cloudy')],
      assignments: [{ slot: 'cloud', provider: 'cloudy', model: 'big-1' }],
      keys: { cloudy: 'sk-real-key-1234567890' },
      limits: { ...USUAL_LIMITS, burst: perSecond, perSecond, calls: 1_000 },
      budget: { waitMs: 50 },
    }),
  )
  door.world.who = { ...someone, policy: { ...somePolicy, events } }
  return { upstream, door }
}

const post = (model: string) => {
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] })
  return `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

test.each<[string, (turn: number) => string]>([
  ['what is no HTTP', () => '\u0016\u0003\u0001\r\n\r\n'],
  ['a path that is not offered', () => 'GET /v1/files HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
  ['another path each time', (turn) => `GET /v1/files/${turn} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`],
  ['another model each time', (turn) => post(`invented-${turn}`)],
])('G10 nonsense on the model socket: %s', async (_what, bytes) => {
  const startedMs = performance.now()
  const { door, upstream } = await setUp()
  for (let turn = 0; turn < FLOOD; turn += 50)
    await Promise.all(
      Array.from({ length: 50 }, async (_, at) => {
        const socket = connect({ port: door.port, host: '127.0.0.1' }).on('error', () => undefined)
        socket.resume().write(bytes(turn + at), 'latin1')
        await closed(socket)
      }),
    )
  await door.settle()
  expect(timesOf(door.events)).toBe(FLOOD)
  expect(door.events.length).toBeLessThan(mostSince(startedMs))
  expect(upstream.seen).toEqual([])
})

test('G10 calls that are allowed: each is recorded whole or refused, and nothing goes up unrecorded', async () => {
  const { door, upstream } = await setUp()
  const ask = { model: 'backlot/default', messages: [{ role: 'user', content: 'hello' }] }
  const answers: Response[] = []
  for (let wave = 0; wave < 3; wave++)
    answers.push(...(await Promise.all(Array.from({ length: 100 }, () => door.post('/v1/chat/completions', ask)))))
  const made = answers.filter(({ status }) => status === 200).length
  const refused = answers.filter(({ status }) => status === 429)
  expect([made + refused.length, made >= 100, refused.length > 0]).toEqual([300, true, true])
  expect(await refused[0]?.text()).toMatch(/Wait a few seconds.*`events` in the policy/)
  await door.settle()
  expect(upstream.seen).toHaveLength(made)
  const of = (kind: AuditEvent['kind'], decision: string) =>
    door.events.filter((event) => event.kind === kind && event.decision === decision).length
  expect([of('model.request', 'allow'), of('model.call', 'info'), timesOf(door.events)]).toEqual([
    made,
    made,
    refused.length,
  ])
})

test('G10 a refusal that is held back is given up when its client leaves', async () => {
  const slow = keep(
    await openModelDoor({
      limits: { ...USUAL_LIMITS, burst: 1, perSecond: 0.001, refusalWaitMs: 3_600_000, calls: 4 },
    }),
  )
  const ask = (port: number) => {
    const socket = connect({ port, host: '127.0.0.1' }).on('error', () => undefined)
    socket.resume().write('GET /v1/files HTTP/1.1\r\nHost: x\r\n\r\n')
    return socket
  }
  const clients = Array.from({ length: 5 }, () => ask(slow.port))
  await expect.poll(() => slow.models.connections(), PATIENT).toBe(5)
  for (const client of clients) client.destroy()
  await slow.until('model.request', 5)
  expect(timesOf(slow.events)).toBe(5)
})

test('G10 connections that are turned away are counted', async () => {
  const { door } = await setUp()
  const clients = Array.from({ length: 200 }, () => connect({ port: door.port, host: '127.0.0.1' }))
  await Promise.all(clients.slice(128).map((client) => closed(client.on('error', () => undefined).resume())))
  for (const client of clients) client.destroy()
  await door.settle()
  expect(timesOf(door.events)).toBe(72)
})
