/** What would grow without a bound: work whose client has left, look-ups, and refusals that the log does not take. */
import { expect, test } from 'vitest'
import { auditEvent } from '../../../../api/audit/event.ts'
import { createBacklog } from '../../../../api/gateway/egress/backlog.ts'
import { newId } from '../../../../api/ids.ts'
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

test('refusals beyond what may wait are counted', async () => {
  const written: string[] = []
  const named = (raw: string) =>
    auditEvent('egress.request', {
      actor: { type: 'sandbox', id: newId('sb') },
      decision: 'deny',
      reason: 'no-rule',
      detail: { method: '', host: '', port: null, path: null, phase: 'work', address: null, raw },
    })
  const state = { up: false, tries: 0 }
  const later = createBacklog({
    store: async (event) => {
      state.tries++
      if (state.up && event.kind === 'egress.request') written.push(event.detail.raw ?? '')
      return state.up
    },
    counted: (lost) => named(`${lost} denials`),
    maxPending: 2,
  })
  for (const raw of ['1', '2', '3', '4', '5']) later(named(raw))
  await expect.poll(() => state.tries).toBeGreaterThan(1)
  expect(written).toEqual([])
  state.up = true
  await expect.poll(() => written).toEqual(['1', '2', '3 denials'])
})
