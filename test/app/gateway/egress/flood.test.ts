/** What one sandbox can make the log write, whatever it sends: no more than its budget, and nothing is missing. */
import { describe, expect, test } from 'vitest'
import type { AuditEvent } from '../../../../api/contract/audit.ts'
import { closed } from '../../../support/closed.ts'
import { keptForOneTest } from '../../../support/kept.ts'
import { createWorld, exchange, rule, type World } from './world/world.ts'

const keep = keptForOneTest()
const PATIENT = { timeout: 20_000 }
const rules = [rule({ host: 'nowhere.example', protocol: 'http' }), rule({ host: 'nowhere.example' })]
const get = (host: string) => `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`
const connectTo = (host: string) => `CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\n\r\n`
const events = { burst: 200, perSecond: 5 }
/** The burst, what came back since, and one event at once and one count for each of 32 targets and for each reason. */
const mostSince = (startedMs: number) =>
  events.burst + (events.perSecond * (performance.now() - startedMs)) / 1000 + 100
const FLOOD = 1_500

const timesOf = (denials: readonly AuditEvent[]) =>
  denials.reduce((sum, { detail }) => sum + ('folded' in detail && detail.folded ? detail.folded.times : 1), 0)

/** Each is sent over a connection of its own, fifty at a time, and hung up as soon as it is on its way. How many got through. */
async function hangUp(world: World, bytes: (turn: number) => string): Promise<number> {
  let connected = 0
  for (let turn = 0; turn < FLOOD; turn += 50)
    await Promise.all(
      Array.from({ length: 50 }, async (_, at) => {
        const client = world.connect().once('connect', () => connected++)
        client.write(bytes(turn + at), () => client.destroy())
        await closed(client)
      }),
    )
  await expect.poll(() => world.egress.connections(), PATIENT).toBe(0)
  return connected
}

describe('a flood', () => {
  test.each<[string, (turn: number) => string]>([
    ['G07 of refused requests, each hung up', () => get('evil.example')],
    ['G07 of refused tunnels, each hung up', () => connectTo('evil.example')],
    ['G11 of many requests at once on each connection, each hung up', () => get('evil.example').repeat(20)],
    ['G08 of allowed requests whose name does not resolve', () => get('nowhere.example')],
    ['G08 of allowed tunnels whose name does not resolve', () => connectTo('nowhere.example')],
    ['G09 of requests that each name another target', (turn) => get(`h${turn}.evil.example`)],
    ['G09 of requests that do not parse, each in another way', (turn) => `\u0001${turn}\r\n\r\n`],
  ])('%s', async (_what, bytes) => {
    const startedMs = performance.now()
    const world = keep(await createWorld({ rules, events, limits: { refusalBurst: 20_000, requestBurst: 50_000 } }))
    const connected = await hangUp(world, bytes)
    expect(world.events.length).toBeLessThan(mostSince(startedMs))
    await world.settle()
    expect(world.events.length).toBeLessThan(mostSince(startedMs))
    const allowed = world.events.filter(({ decision }) => decision === 'allow')
    expect(
      world
        .ends()
        .map(({ correlation }) => correlation)
        .toSorted(),
    ).toEqual(allowed.map(({ correlation }) => correlation).toSorted())
    expect(timesOf(world.denials()) + allowed.length).toBeGreaterThanOrEqual(connected)
    expect(connected).toBeGreaterThan(events.burst)
  })

  test('G07 of refusals that are waited for: each is answered, and each is counted', async () => {
    const startedMs = performance.now()
    const world = keep(await createWorld({ rules, events, limits: { refusalBurst: 5_000 } }))
    for (let turn = 0; turn < FLOOD; turn += 30) {
      const last = get('evil.example').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')
      const answers = await world.raw(get('evil.example').repeat(29) + last)
      expect(answers.match(/^HTTP\/1.1 403 /gm)).toHaveLength(30)
    }
    await world.settle()
    expect(timesOf(world.denials())).toBe(FLOOD)
    expect(world.events.length).toBeLessThan(mostSince(startedMs))
    const folds = world.denials().filter(({ detail }) => 'folded' in detail)
    expect(folds).toMatchObject([
      { kind: 'egress.request', reason: 'no-rule', detail: { host: 'evil.example', port: 80, path: null, method: '' } },
    ])
  })

  test('G08 of allowed requests: what cannot be recorded is refused in words that say what to do, and nothing is looked up', async () => {
    const world = keep(await createWorld({ rules, events, budget: { waitMs: 100 } }))
    const answers = await Promise.all(
      Array.from({ length: 150 }, () =>
        world.raw(get('nowhere.example').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')),
      ),
    )
    const refused = answers.filter((answer) => answer.startsWith('HTTP/1.1 429 '))
    expect(refused.length).toBeGreaterThan(0)
    expect(refused[0]).toMatch(/X-Backlot-Reason: rate-limit[\s\S]*Wait a few seconds.*`events` in the policy/)
    await world.settle()
    const intents = world.events.filter(({ decision }) => decision === 'allow')
    expect(intents.length + refused.length).toBe(150)
    expect(timesOf(world.denials())).toBe(refused.length)
    expect(world.ends()).toHaveLength(intents.length)
  })

  test('G08 past the budget what is allowed waits for its turn, and then works', async () => {
    const world = keep(await createWorld({ rules, events: { burst: 200, perSecond: 200 } }))
    const answers = await Promise.all(Array.from({ length: 200 }, () => world.raw(connectTo('nowhere.example'))))
    expect(answers.filter((answer) => answer.includes('dns-failed'))).toHaveLength(200)
    expect(world.denials()).toEqual([])
  })
})

describe('a pause', () => {
  test.each<[string, string]>([
    ['a request', get('evil.example')],
    ['a tunnel', connectTo('evil.example')],
  ])('G07 is over when the client leaves: %s', async (_what, bytes) => {
    const limits = { connections: 20, refusalBurst: 1, refusalsPerSecond: 0.01, refusalPauseMs: 3_600_000 }
    const world = keep(await createWorld({ rules, limits }))
    await world.raw(connectTo('evil.example'))
    const clients = Array.from({ length: 20 }, () => world.connect())
    for (const client of clients) client.write(bytes)
    await expect.poll(() => world.egress.connections(), PATIENT).toBe(20)
    for (const client of clients) client.destroy()
    await expect.poll(() => world.egress.connections(), PATIENT).toBe(0)
    expect(await world.raw(connectTo('nowhere.example'))).toContain('dns-failed')
    await world.settle()
    expect(timesOf(world.denials())).toBe(21)
  })

  test('G07 has a bound, however many refusals came before', async () => {
    const limits = { refusalBurst: 1, refusalsPerSecond: 0.001, refusalPauseMs: 300 }
    const world = keep(await createWorld({ rules, limits }))
    await hangUp(world, () => get('evil.example'))
    expect(await exchange(world.connect(), connectTo('evil.example'))).toContain('(no-rule)')
  })

  test('G07 connections that are turned away are all counted when the door closes', async () => {
    const world = keep(await createWorld({ rules, resolve: () => new Promise(() => {}), limits: { connections: 3 } }))
    const within = Array.from({ length: 3 }, () => world.connect())
    for (const client of within) client.write(get('nowhere.example'))
    await expect.poll(() => world.egress.connections(), PATIENT).toBe(3)
    await Promise.all(Array.from({ length: 20 }, () => world.raw(connectTo('evil.example'))))
    await world.settle()
    expect(timesOf(world.denials())).toBe(20)
  })
})
