/** What one sandbox may take, what happens when the policy changes under it, and what when the log cannot be written. */
import type { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { EgressLimits } from '../../../../api/gateway/egress/limits.ts'
import { closed } from '../../../support/closed.ts'
import { keptForOneTest } from '../../../support/kept.ts'
import { hello, sni } from './world/hello.ts'
import { httpUpstream, rawUpstream } from './world/upstream.ts'
import { createWorld, headEnds, identityFor, PUBLIC, policy, readUntil, rule, type World } from './world/world.ts'

const keep = keptForOneTest()

const CONNECT = 'CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n'
const GET = 'GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n'
const rules = [rule({ host: 'example.org' }), rule({ host: 'example.com', protocol: 'http' })]

/** One word for a ClientHello, nothing for anything else. */
const saysWord = (socket: Socket) =>
  void socket.on('end', () => socket.end()).on('data', (bytes: Buffer) => bytes[0] === 22 && socket.write('word'))

/** A world that leads to an upstream that says one word. */
async function setUp(limits: Partial<EgressLimits> = {}, inForce = rules) {
  const upstream = keep(await rawUpstream(saysWord))
  const answers = { 'example.org': [[PUBLIC]], 'example.com': [[PUBLIC]] }
  const world = keep(await createWorld({ rules: inForce, answers, network: { '*': upstream.port }, limits }))
  return { upstream, world }
}

/** A tunnel through which both sides have spoken. */
async function talking(world: World): Promise<Socket> {
  const client = world.connect()
  client.on('end', () => client.destroy())
  client.write(CONNECT)
  await readUntil(client, headEnds)
  client.write(hello())
  await readUntil(client, (text) => text === 'word')
  return client.resume()
}
const outcomes = (world: World) =>
  world.ends().map((event) => (event.kind === 'egress.ended' ? event.detail.outcome : null))

describe('limits', () => {
  test('connections beyond the limit are refused, and written down together', async () => {
    const { world, upstream } = await setUp({ connections: 3 })
    const within = await Promise.all([talking(world), talking(world), talking(world)])
    const before = upstream.connections()
    const answers = await Promise.all(Array.from({ length: 20 }, () => world.raw(CONNECT)))
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1.1 503 [\s\S]*too-many-connections/)
    await world.until(() => world.denials().length > 0)
    expect(world.denials()).toMatchObject([
      { reason: 'too-many-connections', detail: { raw: 'connections beyond 3', folded: { times: 20 } } },
    ])
    expect(upstream.connections()).toBe(before)
    // As soon as one is closed there is room again.
    within[0]?.destroy()
    await expect.poll(() => world.egress.connections()).toBe(2)
    await talking(world)
  })

  test.each<[string, string]>([
    ['says nothing', ''],
    ['stops in the middle of a header', 'GET http://example.com/ HTTP/1.1\r\nHost: exa'],
  ])('a client that %s is closed', async (_what, bytes) => {
    const { world } = await setUp({ headerMs: 80 })
    expect(await world.raw(bytes)).toMatch(/^HTTP\/1.1 408 /)
    expect(world.denials()).toMatchObject([{ reason: 'header-timeout' }])
  })

  test('a header that drips in is closed at the same time', async () => {
    const { world } = await setUp({ headerMs: 150 })
    const client = world.connect()
    client.on('end', () => client.destroy()).resume()
    client.write('GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n')
    const drip = setInterval(() => client.write('X: y\r\n'), 10)
    await closed(client)
    clearInterval(drip)
    expect(world.denials()).toMatchObject([{ reason: 'header-timeout' }])
  })

  test.each<[string, Partial<EgressLimits>]>([
    ['silent', { idleMs: 120 }],
    ['open', { absoluteMs: 200 }],
  ])('a tunnel that is %s for too long is closed', async (_what, limits) => {
    const { world } = await setUp(limits)
    await closed(await talking(world))
    await world.until((events) => events.length === 2)
    expect(outcomes(world)).toEqual(['limit'])
  })

  test.each<[string, string]>([
    ['a header that stands twice', 'GET http://example.com/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
    ['what is no HTTP', '\x01\x02\x03\r\n\r\n'],
    ['an upgrade', 'GET http://example.com/ HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n'],
    ['a host that is not allowed', 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n'],
  ])('refusals have a pace, since each is written down: %s', async (_what, bytes) => {
    const { world } = await setUp({ refusalsPerSecond: 5, refusalBurst: 2 })
    const clients = Array.from({ length: 20 }, () => world.connect())
    for (const client of clients) client.write(bytes, 'latin1')
    const started = performance.now()
    await world.until(() => world.denials().length === 5)
    expect(performance.now() - started).toBeGreaterThan(500)
    for (const client of clients) client.destroy()
  })
})

describe('a change of policy', () => {
  test('closes within a second what is now denied, and leaves the rest', async () => {
    const { world } = await setUp()
    const first = await talking(world)
    const waiting = world.connect()
    waiting.write(GET)
    await expect.poll(() => world.events.length).toBe(2)
    const gone = closed(first)
    const started = performance.now()
    world.setPolicy(rules.slice(1))
    await gone
    expect(performance.now() - started).toBeLessThan(1000)
    await world.until(() => world.ends().length === 1)
    expect(outcomes(world)).toEqual(['policy-change'])
    expect(waiting.destroyed).toBe(false)
    world.setPolicy([])
    await world.until(() => world.ends().length === 2)
    expect(outcomes(world)).toEqual(['policy-change', 'policy-change'])
    waiting.destroy()
    expect(world.denials()).toEqual([])
  })

  test.each<[string, (world: World) => void, string[]]>([
    ['the same rules again keep it', (world) => world.setPolicy(rules), []],
    ['another port', (world) => world.setPolicy([rule({ host: 'example.org', ports: [8443] })]), ['policy-change']],
    [
      'plain HTTP only',
      (world) => world.setPolicy([rule({ host: 'example.org', protocol: 'http', ports: [443] })]),
      ['policy-change'],
    ],
    [
      'an expired rule',
      (world) => world.setPolicy([rule({ host: 'example.org', expires: '2020-01-01' })]),
      ['policy-change'],
    ],
    [
      'nobody behind the door',
      (world) => {
        world.state.identity = null
        world.egress.rejudge()
      },
      ['policy-change'],
    ],
    [
      'another person behind the door',
      (world) => {
        world.state.identity = identityFor(policy(rules))
        world.egress.rejudge()
      },
      ['policy-change'],
    ],
    ['a kill', (world) => world.egress.closeAll('killed'), ['killed']],
  ])('%s', async (_what, change, expected) => {
    const { world, upstream } = await setUp()
    const client = await talking(world)
    change(world)
    await world.until(() => world.ends().length === expected.length)
    expect(outcomes(world)).toEqual(expected)
    await expect.poll(() => client.destroyed).toBe(expected.length > 0)
    await expect.poll(() => upstream.open()).toBe(expected.length > 0 ? 0 : 1)
    client.destroy()
  })

  test('an address that is no longer permitted closes its tunnel', async () => {
    const inner = [rule({ host: 'example.org', addresses: ['10.0.0.0/8'] })]
    const upstream = keep(await rawUpstream(saysWord))
    const world = keep(
      await createWorld({ rules: inner, answers: { 'example.org': [['10.0.0.5']] }, network: { '*': upstream.port } }),
    )
    const gone = closed(await talking(world))
    world.setPolicy([rule({ host: 'example.org' })])
    await gone
    await world.until(() => world.ends().length === 1)
    expect(outcomes(world)).toEqual(['policy-change'])
  })

  test('what is still being looked up is not dialled any more', async () => {
    let answer: (addresses: string[]) => void = () => {}
    const resolve = () =>
      new Promise<string[]>((done) => {
        answer = done
      })
    const world = keep(await createWorld({ rules, resolve }))
    const refused = world.raw(CONNECT)
    await expect.poll(() => world.order.length).toBe(2)
    world.setPolicy([])
    answer([PUBLIC])
    expect(await refused).toContain('(policy-change)')
    expect(world.order.some((step) => step.startsWith('dial'))).toBe(false)
    await world.until(() => world.ends().length === 1)
  })

  test('a kill during the intent leaves an intent that is closed, and nothing else', async () => {
    const { world } = await setUp()
    let release = () => {}
    world.state.hold = new Promise<void>((done) => {
      release = done
    })
    const client = world.connect()
    client.write(CONNECT)
    await expect.poll(() => world.order).toEqual(['audit…'])
    world.egress.closeAll('killed')
    release()
    await world.until(() => world.ends().length === 1)
    const allows = world.events.filter(({ decision }) => decision === 'allow').length
    expect(world.ends()).toHaveLength(allows)
    expect(world.order.some((step) => step.startsWith('dial'))).toBe(false)
    client.destroy()
  })
})

describe('when the log cannot be written', () => {
  test.each<[string, string]>([
    ['a tunnel', CONNECT],
    ['a plain request', GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')],
    ['what would be refused anyway', 'CONNECT evil.com:443 HTTP/1.1\r\nHost: evil.com\r\n\r\n'],
  ])(
    '%s is refused with 503, nothing is looked up and nothing leaves; afterwards all is well',
    async (_what, bytes) => {
      const { world, upstream } = await setUp()
      world.state.auditUp = false
      expect(await world.raw(bytes)).toMatch(/^HTTP\/1.1 503 [\s\S]*audit-unavailable/i)
      expect(world.order).toEqual([])
      expect(upstream.connections()).toBe(0)
      world.state.auditUp = true
      await talking(world)
    },
  )

  test('an end that could not be written is written when the log is back, once', async () => {
    const { world } = await setUp()
    const client = await talking(world)
    world.state.auditUp = false
    client.destroy()
    await expect.poll(() => world.egress.connections()).toBe(0)
    world.state.auditUp = true
    await world.until(() => world.ends().length === 1)
    await talking(world)
    expect(world.ends()).toHaveLength(1)
  })

  test('refusals that could not be written are answered at once, and written when the log is back', async () => {
    const { world } = await setUp()
    world.state.auditUp = false
    const hosts = ['a.evil.com', 'b.evil.com', 'c.evil.com']
    for (const host of hosts)
      expect(await world.raw(CONNECT.replaceAll('example.org', host))).toMatch(/^HTTP\/1.1 503 /)
    world.state.auditUp = true
    await world.until(() => world.denials().length === 3)
    expect(world.denials()).toMatchObject(hosts.map((host) => ({ reason: 'no-rule', detail: { host } })))
  })

  test('a greeting that is refused then is cut off at once, and written down later', async () => {
    const { world, upstream } = await setUp()
    const client = world.connect()
    client.on('end', () => client.destroy())
    client.write(CONNECT)
    await readUntil(client, headEnds)
    world.state.auditUp = false
    client.resume().write(hello({ extensions: [sni('evil.example')] }))
    await closed(client)
    expect(upstream.received()).toBe(0)
    world.state.auditUp = true
    await world.until(() => world.denials().length === 1)
    expect(world.denials()).toMatchObject([{ reason: 'sni-mismatch' }])
  })
})

test('every allowed request ends exactly once, under load, whatever its end', async () => {
  const upstream = keep(
    await httpUpstream((request, response) => {
      if (request.url === '/1') response.socket?.destroy()
      else if (request.url === '/2') response.write('part')
      else response.end('whole')
    }),
  )
  const world = keep(
    await createWorld({ rules, answers: { 'example.com': [[PUBLIC]] }, network: { '*': upstream.port } }),
  )
  await Promise.all(
    Array.from({ length: 150 }, async (_, turn) => {
      const client = world.connect()
      client
        .resume()
        .write(`GET http://example.com/${turn % 5} HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n`)
      client.on('end', () => client.destroy())
      if (turn % 5 === 2) client.once('data', () => client.destroy())
      if (turn % 5 === 3) setImmediate(() => client.destroy())
      await closed(client)
    }),
  )
  await world.until(() => world.ends().length === world.events.filter(({ decision }) => decision === 'allow').length)
  const ends = world.ends().map(({ correlation }) => correlation)
  expect(new Set(ends).size).toBe(ends.length)
  await expect.poll(() => upstream.open()).toBe(0)
})
