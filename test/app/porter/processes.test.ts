import { once } from 'node:events'
import net from 'node:net'
import type { Readable } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { portList } from '../../../api/contract/porter.ts'
import { type PorterWorld, porterWorld, startPorter } from '../../support/sandbox/porter.ts'
import { until } from '../../support/until.ts'

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

async function connected() {
  const gateway = await world.startGateway()
  await gateway.connected()
  return gateway
}

function readUntil(stream: Readable, what: string): Promise<string> {
  return new Promise((resolve) => {
    let seen = ''
    stream.on('data', (piece) => {
      seen += String(piece)
      if (seen.includes(what)) resolve(seen)
    })
  })
}

test('a process keeps its stdin and stdout while the gateway is restarted', async () => {
  const gateway = await connected()
  const { pid } = await gateway.link.startProcess({ argv: ['cat'], cwd: '/' })
  gateway.link.processInput(pid).write('one\n')
  const first = await gateway.link.processOutput(pid, 'stdout', 0)
  await readUntil(first.stream, 'one\n')
  await gateway.stop()

  const { link } = await connected()
  expect(await link.process(pid)).toMatchObject({ running: true, stdoutOffset: 4 })
  link.processInput(pid).write('two\n')
  const { offset, stream } = await link.processOutput(pid, 'stdout', 4)
  expect(offset).toBe(4)
  expect(await readUntil(stream, 'two\n')).toBe('two\n')
  const again = await link.processOutput(pid, 'stdout', 0)
  expect(await readUntil(again.stream, 'two\n')).toBe('one\ntwo\n')
})

test('stdout and stderr are apart, the environment is given, and the end is told', async () => {
  const { link } = await connected()
  const argv = ['sh', '-c', 'echo $WHO; echo bad >&2; read line; exit 5']
  const { pid } = await link.startProcess({ argv, cwd: '/', environment: { WHO: 'maker' } })
  const out = await link.processOutput(pid, 'stdout', 0)
  const err = await link.processOutput(pid, 'stderr', 0)
  expect(await readUntil(out.stream, '\n')).toBe('maker\n')
  expect(await readUntil(err.stream, '\n')).toBe('bad\n')
  link.processInput(pid, { end: true }).end()
  await until('it has ended', async () => ((await link.process(pid)).exitCode === 5 ? true : null))
})

test('killing a process ends its children', async () => {
  const { link } = await connected()
  const marker = `4545${process.pid}`
  const { pid } = await link.startProcess({ argv: ['sh', '-c', `sleep ${marker} & wait`], cwd: '/' })
  const running = () =>
    link.exec({ argv: ['sh', '-c', `ps -eo args | grep -c '^[s]leep ${marker}'`], cwd: '/', timeoutMs: 5000 })
  await until('the child runs', async () => ((await running()).stdout === '1\n' ? true : null))
  await link.killProcess(pid)
  await until('the child is gone', async () => ((await running()).stdout === '0\n' ? true : null))
  await expect(link.process(pid)).rejects.toMatchObject({ code: 'not_found' })
})

test('a program that does not exist is refused with its reason', async () => {
  const { link } = await connected()
  await expect(link.startProcess({ argv: ['/no/such/program'], cwd: '/' })).rejects.toThrow(/ENOENT/)
})

test('a port in the sandbox can be dialled, and only on its loopback', async () => {
  const echo = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1')
  await once(echo, 'listening')
  const address = echo.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const { link } = await connected()
  const stream = await link.dial(port)
  stream.write('hello')
  expect(String((await once(stream, 'data'))[0])).toBe('hello')
  stream.destroy()
  echo.close()
  await once(echo, 'close')
  await expect(link.dial(port)).rejects.toMatchObject({ code: 'not_found' })
})

test('a port that is opened and closed is told at once', async () => {
  const { link } = await connected()
  const lists: number[][] = []
  let rest = ''
  const stream = await link.ports()
  stream.on('data', (piece) => {
    const lines = (rest + String(piece)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) lists.push(portList.parse(JSON.parse(line)).ports)
  })
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  await until('it is in the list', () => (lists.at(-1)?.includes(port) ? true : null))
  server.close()
  await until('it is no longer', () => (lists.at(-1)?.includes(port) ? null : true))
})
