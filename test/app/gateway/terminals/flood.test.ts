/** What prints without end is slowed, not ended; and what compresses well does not fill the quota. */
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type RecordingRates, USUAL_RATES } from '../../../../api/gateway/terminals/limiter.ts'
import { type PorterWorld, porterWorld, startPorter } from '../../../support/sandbox/porter.ts'
import { readUntil } from '../../../support/sandbox/read-until.ts'
import { until } from '../../../support/until.ts'

let world: PorterWorld
let porter: ReturnType<typeof startPorter>
type Gateway = Awaited<ReturnType<PorterWorld['startGateway']>>
beforeEach(async () => {
  world = await porterWorld()
  porter = startPorter(world.socketPath)
})
afterEach(async () => {
  porter.close()
  await world.close()
})

const size = { cols: 80, rows: 24 }
/** At this rate what is on its way, a MiB, would take a minute. */
const slow: RecordingRates = { ...USUAL_RATES, burstBytes: 500_000, bytesPerSecond: 16_384 }
/** The key that started it lets through some as well; what waits at the recorder may be more than is left of that. */
const AT_ONCE_BYTES = slow.burstBytes + slow.graceBytes - 600_000

async function started(options: Parameters<PorterWorld['startGateway']>[0]) {
  const gateway = await world.startGateway(options)
  await gateway.connected()
  return gateway
}

async function opened({ terminals }: Gateway, name: string) {
  await terminals.open({ name, ...size })
  const { bytes } = await terminals.stream(name, 0)
  bytes.write('echo re""ady\n')
  await readUntil(bytes, 'ready\r\n')
  return bytes
}

const offsetOf = async ({ terminals }: Gateway, name: string) =>
  (await terminals.list()).find((item) => item.name === name)?.offset ?? 0
const recorded = (gateway: Gateway, name: string, bytes: number) =>
  until(`${bytes} bytes are recorded`, async () => ((await offsetOf(gateway, name)) >= bytes ? true : null))
const files = async (name: string) => {
  const folder = join(world.folder, 'recordings', name)
  const openings = (await readdir(folder)).sort()
  return Promise.all(openings.map(async (id) => (await readdir(join(folder, id))).sort()))
}

test('a flood that is slowed can be interrupted, and the prompt is back soon', async () => {
  const gateway = await started({ recordingRates: slow })
  const bytes = await opened(gateway, 'main')
  bytes.write('yes\n')
  bytes.resume()
  await recorded(gateway, 'main', AT_ONCE_BYTES)
  const began = performance.now()
  const before = await offsetOf(gateway, 'main')
  bytes.write('\x03')
  await readUntil(bytes, '$ ')
  bytes.write('echo al""ive\n')
  await readUntil(bytes, 'alive\r\n')
  expect(performance.now() - began).toBeLessThan(10_000)
  expect((await offsetOf(gateway, 'main')) - before).toBeLessThan(slow.graceBytes + 600_000)
})

test('beside a flood the other terminals of the sandbox go on', async () => {
  const gateway = await started({ recordingRates: slow })
  const flood = await opened(gateway, 'flood')
  const other = await opened(gateway, 'other')
  flood.write('yes\n')
  flood.resume()
  await recorded(gateway, 'flood', AT_ONCE_BYTES)
  const began = performance.now()
  // The second is printed by nobody's key.
  other.write('echo fi""rst; sleep 0.5; echo sec""ond\n')
  await readUntil(other, 'second\r\n')
  expect(performance.now() - began).toBeLessThan(5000)
  const [before, at] = [await offsetOf(gateway, 'flood'), performance.now()]
  await recorded(gateway, 'flood', before + 32_768)
  expect(performance.now() - at).toBeGreaterThan(1000)
})

test('the gateway stops at once while it slows a flood, and the next one goes on where it was, to the byte', async () => {
  const lines = 400_000
  const first = await started({ recordingRates: { ...slow, bytesPerSecond: 1 } })
  const bytes = await opened(first, 'main')
  bytes.write(`stty -echo; clear; seq -f 'line-%06g' ${lines}; echo the""-end\n`)
  bytes.resume()
  await recorded(first, 'main', AT_ONCE_BYTES)
  const began = performance.now()
  await first.stop()
  expect(performance.now() - began).toBeLessThan(5000)
  const next = await started({ segmentBytes: 500_000 })
  const { bytes: again } = await next.terminals.stream('main', 0)
  const seen = await readUntil(again, 'the-end')
  const numbers = [...seen.matchAll(/line-(\d{6})\r\n/g)].map((match) => Number(match[1]))
  expect(numbers).toEqual(Array.from({ length: lines }, (_, index) => index + 1))
  await until('closed segments are compressed', async () => {
    const [found = []] = await files('main')
    return found.length > 5 && found.slice(0, -1).every((name) => name.endsWith('.zst')) ? true : null
  })
  const { bytes: fromDisk } = await next.terminals.stream('main', 0)
  const lastLine = `line-${lines}\r\n`
  const whole = (text: string) => text.slice(0, text.indexOf(lastLine) + lastLine.length)
  expect(whole(await readUntil(fromDisk, 'the-end')) === whole(seen)).toBe(true)
})

test('what compresses well goes on far beyond the quota, a restart counts what is on the disk, and ended ones are compressed whole', async () => {
  const steady = { ...USUAL_RATES, burstBytes: 500_000, bytesPerSecond: 1_000_000, typedBurstBytes: 0 }
  const options = { quotaBytes: 2_500_000, segmentBytes: 500_000, recordingRates: steady }
  const gateway = await started(options)
  const bytes = await opened(gateway, 'main')
  bytes.write(`head -c 4000000 /dev/zero | tr '\\0' x; echo the""-end; exit 0\n`)
  const seen = await readUntil(bytes, 'the-end\r\n')
  expect(seen.length).toBeGreaterThan(4_000_000)
  await gateway.stop()
  const next = await started(options)
  await until('it is all compressed', async () => {
    const [found = []] = await files('main')
    return found.filter((name) => name !== 'ended.json').every((name) => name.endsWith('.zst')) ? true : null
  })
  expect(await next.terminals.open({ name: 'main', ...size })).toMatchObject({ running: true, offset: 0 })
  expect(await files('main')).toHaveLength(2)
}, 60_000)

test('an ending that a power failure emptied is an ending', async () => {
  const gateway = await started({})
  const bytes = await opened(gateway, 'main')
  bytes.resume().write('exit 3\n')
  await new Promise((ended) => bytes.once('end', ended))
  const [id = ''] = await readdir(join(world.folder, 'recordings', 'main'))
  await gateway.stop()
  await writeFile(join(world.folder, 'recordings', 'main', id, 'ended.json'), '')
  const next = await started({})
  expect(await next.terminals.list()).toMatchObject([{ running: false, exitCode: null }])
  expect(await next.terminals.open({ name: 'main', ...size })).toMatchObject({ running: true })
})
