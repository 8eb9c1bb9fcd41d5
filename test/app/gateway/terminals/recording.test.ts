import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type PorterWorld, porterWorld, startPorter } from '../../../support/sandbox/porter.ts'
import { readUntil } from '../../../support/sandbox/read-until.ts'
import { until } from '../../../support/until.ts'

let world: PorterWorld
let porter: ReturnType<typeof startPorter>
beforeEach(async () => {
  world = await porterWorld()
  porter = startPorter(world.socketPath)
})
afterEach(async () => {
  porter.close()
  await world.close()
})

const size = { cols: 80, rows: 24 }

async function opened(options: { quotaBytes?: number } = {}) {
  const gateway = await world.startGateway(options)
  await gateway.connected()
  await gateway.terminals.open({ name: 'main', ...size })
  return gateway
}

async function recorded(name = 'main') {
  const folder = join(world.folder, 'recordings', name)
  const pieces: Buffer[] = []
  for (const opening of (await readdir(folder)).sort()) {
    const files = (await readdir(join(folder, opening))).filter((file) => file.endsWith('.raw')).sort()
    for (const file of files) pieces.push(await readFile(join(folder, opening, file)))
  }
  return Buffer.concat(pieces).toString('latin1')
}

const read = (bytes: Duplex) => bytes.resume()

test('a viewer sees what was recorded, types, and the opening is in the log', async () => {
  const { terminals } = await opened()
  const { offset, bytes } = await terminals.stream('main', null)
  bytes.write('echo he""llo\n')
  const seen = await readUntil(bytes, 'hello\r\n')
  expect(offset).toBe(0)
  expect((await recorded()).startsWith(seen)).toBe(true)
  expect(world.events.map(({ kind }) => kind)).toEqual(['terminal.opened'])
})

test('a replay by offset gives the bytes from there on', async () => {
  const { terminals } = await opened()
  const first = await terminals.stream('main', null)
  first.bytes.write('echo first""-mark\n')
  const seen = await readUntil(first.bytes, 'first-mark\r\n')
  const at = seen.indexOf('first-mark\r\n')
  const second = await terminals.stream('main', at)
  expect(second.offset).toBe(at)
  expect(await readUntil(second.bytes, 'first-mark\r\n')).toMatch(/^first-mark\r\n/)
})

test('nothing is lost or doubled while the gateway is restarted under a flood', async () => {
  const lines = 60_000
  let gateway = await opened()
  const { bytes } = await gateway.terminals.stream('main', null)
  bytes.write(`stty -echo; clear; seq -f 'line-%06g' ${lines}; echo the""-end\n`)
  for (const mark of ['line-005000', 'line-020000', 'line-040000']) {
    const view = await gateway.terminals.stream('main', 0)
    await readUntil(view.bytes, mark)
    await gateway.stop()
    gateway = await world.startGateway()
  }
  const last = await gateway.terminals.stream('main', 0)
  await readUntil(last.bytes, 'the-end')
  const numbers = [...(await recorded()).matchAll(/line-(\d{6})\r\n/g)].map((match) => Number(match[1]))
  expect(numbers).toEqual(Array.from({ length: lines }, (_, index) => index + 1))
})

test('a program waits while nobody records', async () => {
  const gateway = await opened()
  const { bytes } = await gateway.terminals.stream('main', null)
  const progress = join(world.folder, 'progress')
  bytes.write(
    `for i in $(seq 400); do head -c 10000 /dev/zero | tr '\\0' x; echo $i > ${progress}; done; echo d""one\n`,
  )
  await until('it has begun', () => readFile(progress, 'utf8').then(Number, () => null))
  await gateway.stop()
  // The kernel's buffer and what the porter had read: far less than the 4 MB that the loop prints.
  const stopped = await until('it stands still', async () => {
    const before = Number(await readFile(progress, 'utf8'))
    // That a program does not go on has no event to wait for.
    await new Promise((resolve) => setTimeout(resolve, 300))
    return before === Number(await readFile(progress, 'utf8')) ? before : null
  })
  expect(stopped).toBeLessThan(400)
  const next = await world.startGateway()
  await readUntil((await next.terminals.stream('main', 0)).bytes, 'done')
})

test('a viewer that does not read holds up nobody, and gets everything when it reads', async () => {
  const { terminals } = await opened()
  const slow = await terminals.stream('main', 0)
  const quick = await terminals.stream('main', 0)
  quick.bytes.write(`head -c 8000000 /dev/zero | tr '\\0' x; echo th""e-end\n`)
  await readUntil(quick.bytes, 'the-end')
  expect(slow.bytes.readableLength).toBeLessThanOrEqual(131_072)
  expect((await readUntil(slow.bytes, 'the-end')).length).toBeGreaterThan(8_000_000)
}, 60_000)

test('somebody who comes without an offset gets about the last MiB, from the beginning of a line', async () => {
  const { terminals } = await opened()
  const first = await terminals.stream('main', 0)
  first.bytes.write(`stty -echo; seq -f 'line-%06g' 200000; echo th""e-end\n`)
  await readUntil(first.bytes, 'the-end')
  const { offset, bytes } = await terminals.stream('main', null)
  const [info] = await terminals.list()
  expect((info?.offset ?? 0) - offset).toBeLessThanOrEqual(1_048_576)
  expect((info?.offset ?? 0) - offset).toBeGreaterThan(900_000)
  expect(await readUntil(bytes, 'the-end')).toMatch(/^line-\d{6}\r\n/)
}, 60_000)

test('the exit code is known, the viewers end, and the log has it', async () => {
  const { terminals } = await opened()
  const { bytes } = await terminals.stream('main', null)
  read(bytes).write('exit 7\n')
  await new Promise((ended) => bytes.once('end', ended))
  expect(await terminals.list()).toMatchObject([{ name: 'main', running: false, exitCode: 7 }])
  expect(world.events.at(-1)).toMatchObject({ kind: 'terminal.closed', detail: { exitCode: 7, why: 'exited' } })
})

test('an ended terminal is still there to read after a restart, and opening it again begins another recording', async () => {
  const gateway = await opened()
  const { bytes } = await gateway.terminals.stream('main', null)
  read(bytes).write('echo old""-one; exit 0\n')
  await new Promise((ended) => bytes.once('end', ended))
  await gateway.stop()
  const next = await world.startGateway()
  const old = await next.terminals.stream('main', 0)
  expect(await readUntil(old.bytes, 'old-one')).toContain('old-one')
  await next.connected()
  expect(await next.terminals.open({ name: 'main', ...size })).toMatchObject({ running: true, offset: 0 })
  expect(await readdir(join(world.folder, 'recordings', 'main'))).toHaveLength(2)
})

test('when the recordings are full the terminal is stopped, says why, and no other can be opened', async () => {
  const { terminals } = await opened({ quotaBytes: 1_000_000 })
  const { bytes } = await terminals.stream('main', null)
  read(bytes).write('cat /dev/urandom\n')
  await new Promise((ended) => bytes.once('end', ended))
  const [info] = await terminals.list()
  expect(info).toMatchObject({ running: false, exitCode: null, reason: expect.stringContaining('limit') })
  expect(info?.offset).toBeLessThanOrEqual(1_000_000)
  await expect(terminals.open({ name: 'other', ...size })).rejects.toThrow('full')
  expect(world.events.at(-1)).toMatchObject({ kind: 'terminal.closed' })
})

test('a porter that was started again has no terminals: they are over', async () => {
  const { terminals } = await opened()
  porter.close()
  porter = startPorter(world.socketPath)
  await until('it is over', async () => ((await terminals.list())[0]?.running === false ? true : null))
  expect(world.events.at(-1)).toMatchObject({
    kind: 'terminal.closed',
    detail: { why: 'the sandbox was started again' },
  })
})

test('what is typed while the porter is away arrives when it is back', async () => {
  const gateway = await opened()
  const { bytes } = await gateway.terminals.stream('main', null)
  await readUntil(bytes, '$ ')
  await gateway.stop()
  const next = await world.startGateway()
  const again = await next.terminals.stream('main', 0)
  again.bytes.write('echo ty""ped\n')
  await readUntil(again.bytes, 'typed\r\n')
})

test('a size reaches the program', async () => {
  const { terminals } = await opened()
  const { bytes } = await terminals.stream('main', null)
  await terminals.resize('main', { cols: 132, rows: 43 })
  bytes.write('stty size\n')
  await readUntil(bytes, '43 132')
  expect(await terminals.list()).toMatchObject([{ cols: 132, rows: 43 }])
})

test('unicode and Ctrl-C pass', async () => {
  const { terminals } = await opened()
  const { bytes } = await terminals.stream('main', null)
  await readUntil(bytes, '$ ')
  // Said by the foreground program itself: before it is there, Ctrl-C is the shell's.
  bytes.write('sh -c "echo wait""ing; exec cat"\n')
  await readUntil(bytes, 'waiting\r\n')
  bytes.write('\x03')
  await readUntil(bytes, '$ ')
  bytes.write("printf 'w\\303\\266\\360\\237\\216\\254rld|%s\\n' th''ere\n")
  const seen = await readUntil(bytes, '|there')
  expect(Buffer.from(seen, 'latin1').toString('utf8')).toContain('wö🎬rld|there')
})

test('a terminal whose opening cannot be recorded is not opened', async () => {
  const gateway = await world.startGateway()
  await gateway.connected()
  const push = world.events.push
  world.events.push = () => {
    throw new Error('the log is away')
  }
  await expect(gateway.terminals.open({ name: 'main', ...size })).rejects.toThrow('the log is away')
  world.events.push = push
  expect(porter.terminals.list()).toEqual([])
})

test('a terminal that ends while the log is away is over at once, and the log has its end later', async () => {
  const { terminals } = await opened()
  const push = world.events.push
  world.events.push = () => {
    throw new Error('the log is away')
  }
  const { bytes } = await terminals.stream('main', null)
  read(bytes).write('exit 7\n')
  await new Promise((ended) => bytes.once('end', ended))
  expect(world.events.map(({ kind }) => kind)).toEqual(['terminal.opened'])
  world.events.push = push
  const closed = await until(
    'it is in the log',
    () => world.events.find(({ kind }) => kind === 'terminal.closed') ?? null,
  )
  expect(closed).toMatchObject({ detail: { terminal: 'main', exitCode: 7, why: 'exited' } })
})

test('one that was asked for before a stop does not open after it', async () => {
  const { terminals } = await opened()
  const late = expect(terminals.open({ name: 'late', ...size })).rejects.toMatchObject({ code: 'sandbox_not_ready' })
  await terminals.endAll('the sandbox was stopped')
  await late
})

test('one whose end did not reach the porter is ended there when it comes back', async () => {
  const { terminals, porter: client } = await opened()
  const ended = terminals.endAll('the sandbox was stopped')
  client.cut()
  await ended
  await until('it is gone in the sandbox', () => (porter.terminals.list().length === 0 ? true : null))
})
