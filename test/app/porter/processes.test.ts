import { once } from 'node:events'
import net from 'node:net'
import type { Readable } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { portList } from '../../../api/contract/programs/porter.ts'
import { keptForOneTest } from '../../support/kept.ts'
import { type PorterWorld, porterWorld, startPorter } from '../../support/sandbox/porter.ts'
import { porterSession } from '../../support/sandbox/porter-session.ts'
import { until } from '../../support/until.ts'

const keep = keptForOneTest()
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

const connected = async () => keep(await porterSession(world.socketPath))

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
  const before = await connected()
  const { pid } = await before.startProcess({ argv: ['cat'], cwd: '/' })
  before.processInput(pid).write('one\n')
  const first = await before.processOutput(pid, 'stdout', 0)
  await readUntil(first.stream, 'one\n')
  await before.close()

  const session = await connected()
  expect(await session.process(pid)).toMatchObject({ running: true, stdoutOffset: 4 })
  session.processInput(pid).write('two\n')
  const { offset, stream } = await session.processOutput(pid, 'stdout', 4)
  expect(offset).toBe(4)
  expect(await readUntil(stream, 'two\n')).toBe('two\n')
  const again = await session.processOutput(pid, 'stdout', 0)
  expect(await readUntil(again.stream, 'two\n')).toBe('one\ntwo\n')
})

test('stdout and stderr are apart, the environment is given, and the end is told', async () => {
  const session = await connected()
  const argv = ['sh', '-c', 'echo $WHO; echo bad >&2; read line; exit 5']
  const { pid } = await session.startProcess({ argv, cwd: '/', environment: { WHO: 'maker' } })
  const out = await session.processOutput(pid, 'stdout', 0)
  const err = await session.processOutput(pid, 'stderr', 0)
  expect(await readUntil(out.stream, '\n')).toBe('maker\n')
  expect(await readUntil(err.stream, '\n')).toBe('bad\n')
  session.processInput(pid, { end: true }).end()
  await until('it has ended', async () => ((await session.process(pid)).exitCode === 5 ? true : null))
})

test('killing a process ends its children', async () => {
  const session = await connected()
  const marker = `4545${process.pid}`
  const { pid } = await session.startProcess({ argv: ['sh', '-c', `sleep ${marker} & wait`], cwd: '/' })
  const running = () =>
    session.exec({ argv: ['sh', '-c', `ps -eo args | grep -c '^[s]leep ${marker}'`], cwd: '/', timeoutMs: 5000 })
  await until('the child runs', async () => ((await running()).stdout === '1\n' ? true : null))
  await session.killProcess(pid)
  await until('the child is gone', async () => ((await running()).stdout === '0\n' ? true : null))
  await expect(session.process(pid)).rejects.toMatchObject({ code: 'not_found' })
})

test.each([
  { argv: ['/no/such/program'], cwd: '/', says: '/no/such/program', asked: { exitCode: 127, stdout: '' } },
  { argv: ['true'], cwd: '/etc/passwd', says: '/etc/passwd: not a folder that can be entered', asked: null },
  { argv: ['true'], cwd: '/no/such/folder', says: '/no/such/folder: not a folder that can be entered', asked: null },
])('$argv in $cwd ends with 127 and says why', async ({ argv, cwd, says, asked }) => {
  const session = await connected()
  const { pid } = await session.startProcess({ argv, cwd })
  const { stream } = await session.processOutput(pid, 'stderr', 0)
  expect(await readUntil(stream, '\n')).toContain(says)
  await until('it has ended', async () => ((await session.process(pid)).exitCode === 127 ? true : null))
  const result = session.exec({ argv, cwd, timeoutMs: 5000 })
  if (asked) expect(await result).toMatchObject(asked)
  else await expect(result).rejects.toMatchObject({ code: 'invalid_request' })
})

test('a port in the sandbox can be dialled, and only on its loopback', async () => {
  const echo = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1')
  await once(echo, 'listening')
  const address = echo.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const session = await connected()
  const stream = await session.dial(port)
  stream.write('hello')
  expect(String((await once(stream, 'data'))[0])).toBe('hello')
  stream.destroy()
  echo.close()
  await once(echo, 'close')
  await expect(session.dial(port)).rejects.toMatchObject({ code: 'not_found' })
})

test('a port that is opened and closed is told at once', async () => {
  const session = await connected()
  const lists: number[][] = []
  let rest = ''
  const stream = await session.ports()
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
