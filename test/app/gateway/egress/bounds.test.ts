/** What would grow without a bound: work whose client has left, look-ups, and refusals that the log does not take. */
import { expect, test } from 'vitest'
import { keptForOneTest } from '../../../support/kept.ts'
import { createWorld, rule } from './world/world.ts'

const keep = keptForOneTest()

const CONNECT = 'CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n'
const GET = 'GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n'
const rules = [rule({ host: 'example.org' }), rule({ host: 'example.com', protocol: 'http' })]

test('clients that leave at once start no more than the limit', async () => {
  const world = keep(await createWorld({ rules, resolve: () => new Promise(() => {}), limits: { connections: 3 } }))
  for (let turn = 1; turn <= 3; turn++) {
    const client = world.connect()
    client.write(GET)
    await expect.poll(() => world.events.length).toBe(turn)
    client.destroy()
  }
  await expect.poll(() => world.egress.connections()).toBe(0)
  expect(await world.raw(CONNECT)).toMatch(/^HTTP\/1.1 503 [\s\S]*too-many-connections/)
  expect(world.denials()).toMatchObject([{ reason: 'too-many-connections', detail: { host: 'example.org' } }])
})

test('look-ups: so many at once, given up or not, and one for each name', async () => {
  const hosts = ['a.example', 'a.example', 'b.example', 'c.example', 'd.example']
  const asked: [string, (found: string[]) => void][] = []
  const world = keep(
    await createWorld({
      rules: hosts.map((host) => rule({ host })),
      resolve: (host) => new Promise((done) => asked.push([host, done])),
      limits: { lookups: 2, lookupMs: 100 },
    }),
  )
  const answers = await Promise.all(hosts.map((host) => world.raw(CONNECT.replaceAll('example.org', host))))
  for (const answer of answers) expect(answer).toMatch(/^HTTP\/1.1 504 Failed \(dns-timeout\)/)
  expect(asked.map(([host]) => host)).toEqual(['a.example', 'b.example'])
  asked[0]?.[1]([])
  await expect.poll(() => asked.length).toBe(3)
})

test('refusals beyond what may wait for the log are counted, and the count is written', async () => {
  const world = keep(await createWorld({ rules, limits: { refusalBurst: 5000, requestBurst: 5000 } }))
  world.state.auditUp = false
  const refused = 'GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n'
  const waves = 40
  for (let wave = 0; wave < waves; wave++)
    await world.raw(refused.repeat(29) + refused.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
  world.state.auditUp = true
  await world.settle()
  const denials = world.denials().map((event) => (event.kind === 'egress.request' ? event : null))
  expect(denials.every((event) => event?.reason === 'no-rule' && event.detail.host === 'evil.example')).toBe(true)
  expect(denials.reduce((sum, event) => sum + (event?.detail.folded?.times ?? 1), 0)).toBe(waves * 30)
  expect(denials.length).toBeLessThanOrEqual(1_002)
})
