import { connect, createServer } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type Figure, load, percentile } from './figure.ts'
import { attempt, met, reference } from './reference.ts'
import { startTinyproxy } from './tinyproxy.ts'

export const HOST = 'upstream.example'
const DURATION_MS = 5_000
const LANES = 16
const BULK_ROUNDS = 9
const END_OF_HEAD = '\r\n\r\n'

interface Via {
  /** The proxy's port, or null for straight to the upstream. */
  proxy: number | null
  host: string
}

/** CONNECT tunnels through the gateway's egress against tinyproxy, before the same upstream. */
export async function benchTunnel(egressPort: number, upstream: { short: number; bulk: number }): Promise<Figure[]> {
  const hello = await clientHello()
  const ours = { proxy: egressPort, host: HOST }
  const straight = { proxy: null, host: '127.0.0.1' }
  const measure = async (via: Via) => {
    const once = () => exchange(via, upstream.short, hello).then(() => {})
    await load(LANES, 500, once)
    const busy = await load(LANES, DURATION_MS, once)
    const alone = await load(1, 2_000, once)
    return { perSecond: busy.perSecond, p50: percentile(alone.durations, 50) }
  }
  const megabytesPerSecond = async (via: Via) => {
    const began = performance.now()
    const bytes = await exchange(via, upstream.bulk, hello)
    return bytes / 1e6 / ((performance.now() - began) / 1000)
  }
  /** In turns: one run of a quarter of a second says little, and a busy moment of the machine should meet both. */
  const throughput = async (...vias: Via[]) => {
    const rates = vias.map((): number[] => [])
    for (let round = 0; round < BULK_ROUNDS; round += 1)
      for (const [at, via] of vias.entries()) rates[at]?.push(await megabytesPerSecond(via))
    return rates.map((each) => percentile(each, 50))
  }
  const tinyproxy = await attempt('tinyproxy', async () => {
    const { port, close } = await startTinyproxy()
    try {
      const via = { proxy: port, host: '127.0.0.1' }
      const small = await measure(via)
      const [mine = Number.NaN, bulk = Number.NaN] = await throughput(ours, via)
      return { ...small, bulk, besideBulk: mine }
    } finally {
      close()
    }
  })
  const mine = await measure(ours)
  const direct = await measure(straight)
  const bulk = 'done' in tinyproxy ? [tinyproxy.done.besideBulk] : await throughput(ours)
  const tunnels = reference(tinyproxy, 'tinyproxy', ({ perSecond }) => perSecond)
  const rate = reference(tinyproxy, 'tinyproxy', (measured) => measured.bulk)
  const [bulkRate = Number.NaN] = bulk
  return [
    {
      what: 'CONNECT tunnels (recorded twice each)',
      ours: mine.perSecond,
      reference: tunnels,
      unit: '/s',
      aim: '≥ tinyproxy',
      met: met(tunnels, (theirs) => mine.perSecond >= theirs),
    },
    {
      what: 'latency that a tunnel adds, p50',
      ours: mine.p50 - direct.p50,
      reference: reference(tinyproxy, 'tinyproxy', ({ p50 }) => p50 - direct.p50),
      unit: 'ms',
      aim: 'beside the reference',
      met: null,
    },
    {
      what: 'throughput of one tunnel, p50',
      ours: bulkRate,
      reference: rate,
      unit: 'MB/s',
      aim: '≥ tinyproxy',
      met: met(rate, (theirs) => bulkRate >= theirs),
    },
  ]
}

/** One tunnel: CONNECT, a TLS greeting, everything that comes back. Resolves with the bytes after the proxy's answer. */
export function exchange({ proxy, host }: Via, port: number, hello: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    let head = proxy === null ? null : ''
    let bytes = 0
    const socket = connect({ port: proxy ?? port, host: '127.0.0.1', noDelay: true }, () => {
      if (proxy === null) socket.write(hello)
      else socket.write(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}${END_OF_HEAD}`)
    })
    socket.on('data', (chunk) => {
      if (head === null) {
        bytes += chunk.length
        return
      }
      head += chunk.toString('latin1')
      if (!head.includes(END_OF_HEAD)) return
      if (!/^HTTP\/1\.[01] 200/.test(head))
        return void socket.destroy(new Error(`the proxy said: ${head.slice(0, 200)}`))
      head = null
      socket.write(hello)
    })
    socket.on('error', reject)
    socket.on('close', () => (bytes > 0 ? resolve(bytes) : reject(new Error('the tunnel ended without an answer'))))
  })
}

/** The first bytes that a TLS client sends for HOST, as OpenSSL makes them. */
export function clientHello(): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.once('data', (hello: Buffer) => {
        socket.destroy()
        server.close()
        resolve(hello)
      })
    }).listen(0, '127.0.0.1', () => {
      const address = server.address()
      if (address === null || typeof address === 'string') return reject(new Error('no port'))
      connectTls({ port: address.port, host: '127.0.0.1', servername: HOST }).on('error', () => {})
    })
  })
}
