/** Whose requests count against whom, and what is served while other things are refused. */
import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { apiTokenCreated } from '../../../../api/contract/people.ts'
import { startServer, type TestServer } from '../../../support/server/server.ts'

/** The address that the test's proxy has; forwarded addresses are believed from there alone. */
const PROXY = '127.0.0.2'
const LIMITS = { sender: 40, person: 20, stops: 5 }

let server: TestServer
beforeAll(async () => {
  server = await startServer({ requestsPerMinute: LIMITS, trustedProxy: [`${PROXY}/32`] })
})
afterAll(() => server.close())

/** A request from that address of this machine, as a proxy there would pass it on. Resolves with the status. */
function from(localAddress: string, headers: Record<string, string>, path = '/api/v1/me', method = 'GET') {
  const { hostname, port } = new URL(server.origin)
  return new Promise<number>((resolve, reject) => {
    const asked = httpRequest({ hostname, port, path, method, headers, localAddress }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode ?? 0))
    })
    asked.on('error', reject)
    asked.end()
  })
}
/** So many of them, one after the other; the statuses that came, once each. */
async function many(times: number, ask: () => Promise<number>): Promise<number[]> {
  const seen = new Set<number>()
  for (let round = 0; round < times; round += 1) seen.add(await ask())
  return [...seen].sort()
}

describe('who is not known yet', () => {
  test('U13 whether it is alive and ready is asked as often as anybody likes, and takes nothing from others', async () => {
    for (const path of ['/healthz', '/readyz'])
      expect(await many(LIMITS.sender * 2, () => from('127.0.0.3', {}, path))).toEqual([200])
    expect(await from('127.0.0.3', {})).toBe(401)
  })

  test.each([
    ['a route that needs a person', '127.0.0.4', '/api/v1/me', 401],
    ['an address that is none', '127.0.0.5', '/api/v1/nope', 404],
    ['a page', '127.0.0.6', '/api/openapi.json', 200],
  ])('%s is limited for each sender', async (_what, sender, path, before) => {
    expect(await many(LIMITS.sender, () => from(sender, {}, path))).toEqual([before])
    expect(await from(sender, {}, path)).toBe(429)
    expect(await from('127.0.0.7', {}, path)).toBe(before)
    const person = await server.personWith('pm')
    expect(await from(sender, { cookie: person.cookie })).toBe(200)
  })
})

describe('who is known', () => {
  test('has a limit of their own: neither their sender nor another person behind it has to wait, nor they for these', async () => {
    const [busy, other] = [await server.personWith('pm'), await server.personWith('pm')]
    const sender = '127.0.0.8'
    expect(await many(LIMITS.person, () => from(sender, { cookie: busy.cookie }))).toEqual([200])
    expect(await from(sender, { cookie: busy.cookie })).toBe(429)
    expect(await from('127.0.0.9', { cookie: busy.cookie })).toBe(429)
    expect(await from(sender, { cookie: other.cookie })).toBe(200)
    expect(await from(sender, {})).toBe(401)
  })

  test('has one limit for their session and their tokens', async () => {
    const person = await server.personWith('pm')
    const { json } = await person.ask('/api/v1/tokens', { method: 'POST', body: { name: 'loop' } })
    const authorization = `Bearer ${apiTokenCreated.parse(json).token}`
    await many(LIMITS.person, () => from('127.0.0.10', { authorization }))
    const refused = await person.ask('/api/v1/me')
    expect(refused).toMatchObject({ status: 429, json: { error: { code: 'throttled' } } })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  })

  test('can stop things while everything else is refused (U13), and others can when somebody stops too often', async () => {
    const [security, other] = [await server.personWith('security'), await server.personWith('security')]
    await many(LIMITS.person + 1, async () => (await security.ask('/api/v1/me')).status)
    const stop = async (by: typeof other) =>
      (await by.ask('/api/v1/kill', { method: 'POST', body: { scope: 'everything' } })).status
    expect((await security.ask('/api/v1/me')).status).toBe(429)
    expect(await many(LIMITS.stops, () => stop(security))).toEqual([204])
    expect(await stop(security)).toBe(429)
    expect(await stop(other)).toBe(204)
  })

  test('can stop one sandbox as well', async () => {
    const security = await server.personWith('security')
    await many(LIMITS.person + 1, async () => (await security.ask('/api/v1/me')).status)
    const path = '/api/v1/sandboxes/sb_0000000000000000/stop'
    expect((await security.ask(path, { method: 'POST' })).status).toBe(404)
  })
})

describe('behind a proxy', () => {
  const limited = async (sender: string, forwarded: string) => {
    await many(LIMITS.sender, () => from(sender, { 'x-forwarded-for': forwarded }))
    return from(sender, { 'x-forwarded-for': forwarded })
  }

  test('that is trusted, the right-most address that it did not make up is the sender', async () => {
    expect(await limited(PROXY, '198.51.100.1')).toBe(429)
    expect(await from(PROXY, { 'x-forwarded-for': '198.51.100.2' })).toBe(401)
    expect(await from(PROXY, { 'x-forwarded-for': '198.51.100.2, 198.51.100.1' })).toBe(429)
    expect(await from(PROXY, { 'x-forwarded-for': `198.51.100.1, ${PROXY}` })).toBe(429)
  })

  test('that nobody named, what it says is not believed', async () => {
    await many(LIMITS.sender, () => from('127.0.0.11', { 'x-forwarded-for': `203.0.113.${Math.random()}` }))
    expect(await from('127.0.0.11', { 'x-forwarded-for': '203.0.113.77' })).toBe(429)
  })

  test('what is no address counts for the proxy', async () => {
    expect(await limited(PROXY, 'not an address')).toBe(429)
    expect(await from(PROXY, { 'x-forwarded-for': 'nor this' })).toBe(429)
  })

  test('the forwarded host and scheme are believed from nobody', async () => {
    const person = await server.personWith('pm')
    const headers = { cookie: person.cookie, origin: 'https://evil.example', 'x-forwarded-host': 'evil.example' }
    expect(await from(PROXY, { ...headers, 'x-forwarded-proto': 'https' })).toBe(403)
  })
})
