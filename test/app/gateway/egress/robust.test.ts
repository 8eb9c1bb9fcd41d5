/** Hostile bytes for a while (`FUZZ_SECONDS`, `FUZZ_SEED`), and one sandbox beside another that takes all it can. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { closed } from '../../../support/closed.ts'
import { keptForOneTest } from '../../../support/kept.ts'
import { hello, record, sni } from './world/hello.ts'
import { httpUpstream, rawUpstream } from './world/upstream.ts'
import { createWorld, headEnds, PUBLIC, readUntil, rule, type World } from './world/world.ts'

const keep = keptForOneTest()

const rules = [rule({ host: 'example.org' }), rule({ host: 'example.com', protocol: 'http' })]
const answers = { 'example.org': [[PUBLIC]], 'example.com': [[PUBLIC]] }
const CONNECT = 'CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n'

/** mulberry32: small, and the same everywhere. */
function seeded(seed: number) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

const SEEDS = [
  CONNECT,
  'GET http://example.com/a?b HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n',
  'POST http://example.com/a HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\n\r\nhello',
  'POST http://example.com/a HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n',
  'PUT http://example.com/a HTTP/1.1\r\nHost: example.com\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc',
  'GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'GET /\r\n\r\n',
].map((text) => Buffer.from(text, 'latin1'))
const HELLOS = [hello(), hello({ extensions: [sni('evil.example')] }), record(Buffer.alloc(100, 1), 23)]
const TOKENS = [
  '\r\n',
  '\n',
  '\0',
  ' ',
  ':',
  '%',
  '@',
  '\\',
  'Content-Length: 7\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Host: evil.com\r\n',
  'Trailer: x\r\n',
  'Expect: 100-continue\r\n',
  '\r\n\r\n',
  'http://',
  '\x80\xff',
]

describe('what is not HTTP at all (G04)', () => {
  const seconds = Number(process.env.FUZZ_SECONDS ?? 8)
  const seed = Number(process.env.FUZZ_SEED ?? 20_260_101)

  test(`random and mutated bytes for ${seconds} s (seed ${seed}) crash nothing, and every intent is closed`, {
    timeout: seconds * 1000 + 60_000,
  }, async () => {
    const random = seeded(seed)
    const below = (limit: number) => Math.floor(random() * limit)
    const pick = <T>(list: readonly T[]): T => {
      const found = list[below(list.length)]
      if (found === undefined) throw new Error('an empty list')
      return found
    }
    const upstream = keep(
      await httpUpstream(
        (request, response) =>
          void request
            .resume()
            .on('end', () => response.end('ok'))
            .on('error', () => {}),
      ),
    )
    const world = keep(
      await createWorld({
        rules,
        answers,
        network: { '*': upstream.port },
        limits: { headerMs: 300, helloMs: 300, keepAliveMs: 100, idleMs: 1000 },
      }),
    )

    function mutated(bytes: Buffer): Buffer {
      let now = bytes
      for (let turn = below(4); turn > 0; turn--) {
        const at = below(now.length + 1)
        const how = below(4)
        if (how === 0) now = Buffer.concat([now.subarray(0, at), Buffer.from(pick(TOKENS), 'latin1'), now.subarray(at)])
        else if (how === 1) now = Buffer.concat([now.subarray(0, at), now.subarray(at + below(10))])
        else if (how === 2) now = Buffer.concat([now, pick(SEEDS)])
        else now = Buffer.concat([now.subarray(0, at), Buffer.from([below(256)]), now.subarray(at + 1)])
      }
      return now
    }
    const noise = () => Buffer.from(Array.from({ length: 1 + below(200) }, () => below(256)))

    async function once_() {
      const client = world.connect()
      client.on('end', () => client.destroy()).resume()
      const bytes =
        below(10) === 0 ? noise() : mutated(below(3) === 0 ? Buffer.concat([pick(SEEDS), pick(HELLOS)]) : pick(SEEDS))
      const cut = below(bytes.length + 1)
      client.write(bytes.subarray(0, cut))
      if (below(2) === 0) await new Promise((done) => setImmediate(done))
      const how = below(4)
      if (how === 0) client.destroy()
      else if (how === 1) client.end(bytes.subarray(cut))
      else client.write(bytes.subarray(cut))
      if (!client.destroyed) await closed(client)
    }

    const until = performance.now() + seconds * 1000
    let tried = 0
    await Promise.all(
      Array.from({ length: 24 }, async () => {
        while (performance.now() < until) {
          await once_()
          tried++
        }
      }),
    )
    expect(tried).toBeGreaterThan(100)
    await expect.poll(() => world.egress.connections(), { timeout: 10_000 }).toBe(0)
    const unclosed = () => {
      const closing = new Map<string, number>()
      for (const { kind, decision, correlation } of world.events) {
        if (kind === 'egress.ended' || decision === 'deny')
          closing.set(correlation, (closing.get(correlation) ?? 0) + 1)
      }
      return world.events.filter(({ decision, correlation }) => decision === 'allow' && closing.get(correlation) !== 1)
    }
    await expect.poll(unclosed, { timeout: 5000 }).toEqual([])
    // No name but the two that are allowed was ever asked for, and nothing was handled by the last resort.
    expect(
      world.order.filter((step) => step.startsWith('resolve:') && !/^resolve:example\.(org|com)$/.test(step)),
    ).toEqual([])
    expect(world.errors).toEqual([])
    expect(
      await world.raw('GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n'),
    ).toMatch(/^HTTP\/1.1 200/)
  })
})

describe('one sandbox takes all it can (G05)', () => {
  /** How long it takes until the upstream has spoken through a new tunnel, ms. */
  async function tunnelMs(world: World): Promise<number> {
    const started = performance.now()
    const client = world.connect()
    client.on('end', () => client.destroy())
    client.write(CONNECT)
    await readUntil(client, headEnds)
    client.write(hello())
    await readUntil(client, (text) => text.length > 0)
    client.destroy()
    return performance.now() - started
  }
  const speaking = () =>
    rawUpstream((socket) => void socket.on('end', () => socket.end()).once('data', () => socket.write('word')))

  test('a sandbox that has used up its pace and its connections delays nobody else', async () => {
    const upstream = keep(await speaking())
    const limits = { requestsPerSecond: 1, requestBurst: 1, connections: 20 }
    const [a, b] = await Promise.all(
      [0, 1].map(async () => keep(await createWorld({ rules, answers, network: { '*': upstream.port }, limits }))),
    )
    if (!a || !b) throw new Error('two worlds')
    const greedy = Array.from({ length: 20 }, () => a.connect())
    for (const client of greedy) client.write(CONNECT)
    await a.until((events) => events.length >= 1)
    expect(await tunnelMs(b)).toBeLessThan(1000)
    expect(a.events.filter(({ decision }) => decision === 'allow').length).toBeLessThan(5)
    for (const client of greedy) client.destroy()
  })

  const percentiles = async (world: World) => {
    const times: number[] = []
    for (let turn = 0; turn < 40; turn++) times.push(await tunnelMs(world))
    times.sort((x, y) => x - y)
    return { p50: times[19] ?? Number.NaN, p95: times[37] ?? Number.NaN }
  }

  test('B’s tunnels stay quick while A pulls all it can through fifty', async () => {
    const greedy = new Worker(new URL('./world/greedy.ts', import.meta.url))
    keep({ close: async () => void (await greedy.terminate()) })
    const [port] = await once(greedy, 'message')
    const a = keep(await createWorld({ rules, answers, network: { '*': port } }))
    const b = keep(await createWorld({ rules, answers, network: { '*': keep(await speaking()).port } }))
    const alone = await percentiles(b)
    greedy.postMessage({ path: a.path, tunnels: 50 })
    await once(greedy, 'message')
    const beside = await percentiles(b)
    console.info('opening a tunnel, ms:', { alone, beside })
    expect(a.errors).toEqual([])
    expect(a.ends()).toEqual([])
    // On two busy cores everything takes its time; then what counts is what A adds.
    expect(beside.p95).toBeLessThan(Math.max(500, 20 * alone.p95))
  })
})
