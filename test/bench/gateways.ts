import { type Figure, load, percentile } from './figure.ts'
import { attempt, met, reference } from './reference.ts'
import { startTinyproxy } from './tinyproxy.ts'
import { clientHello, exchange, HOST } from './tunnel.ts'

const DURATION_MS = 5_000
const LANES = 16
const ALONE_MS = 2_000

/** A gateway with one sandbox, as a process of its own. */
export interface Instance {
  egress: number
  pid: number
}

/** Sandboxes on two gateways: what they carry together, and what one notices of it when the other is blocked. */
export async function benchGateways(here: Instance, there: Instance, upstreamPort: number): Promise<Figure[]> {
  const hello = await clientHello()
  const through = (proxy: number, host: string) => exchange({ proxy, host }, upstreamPort, hello).then(() => {})
  const busy = async (...ports: [proxy: number, host: string][]) => {
    const all = await Promise.all(
      ports.map(async ([proxy, host]) => {
        await load(LANES / ports.length, 500, () => through(proxy, host))
        return load(LANES / ports.length, DURATION_MS, () => through(proxy, host))
      }),
    )
    return all.reduce((sum, { perSecond }) => sum + perSecond, 0)
  }
  const alone = async () => percentile((await load(1, ALONE_MS, () => through(here.egress, HOST))).durations, 50)

  const tinyproxy = await attempt('tinyproxy', async () => {
    const { port, close } = await startTinyproxy()
    return busy([port, '127.0.0.1']).finally(close)
  })
  const both = await busy([here.egress, HOST], [there.egress, HOST])
  const before = await alone()
  process.kill(there.pid, 'SIGSTOP')
  const beside = await alone().finally(() => process.kill(there.pid, 'SIGCONT'))
  const tunnels = reference(tinyproxy, 'tinyproxy', (perSecond) => perSecond)
  return [
    {
      what: 'CONNECT tunnels, sandboxes on two gateways',
      ours: both,
      reference: tunnels,
      unit: '/s',
      aim: '≥ 0.6 × tinyproxy',
      met: met(tunnels, (theirs) => both >= 0.6 * theirs),
    },
    {
      what: 'tunnel while another gateway is blocked, p50',
      ours: beside,
      reference: { value: before, against: 'while it is not' },
      unit: 'ms',
      aim: '≤ 1.5 × that',
      met: beside <= 1.5 * before,
    },
  ]
}
