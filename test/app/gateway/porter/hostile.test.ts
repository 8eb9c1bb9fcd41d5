/** Whoever is in the sandbox can dial porter.sock. Whatever comes over it, the gateway answers for itself and lives on. */
import { once } from 'node:events'
import http2 from 'node:http2'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Answer, createImpostors, endless, json } from '../../../support/sandbox/impostor.ts'
import { type PorterWorld, porterWorld, startPorter } from '../../../support/sandbox/porter.ts'
import { until } from '../../../support/until.ts'

let world: PorterWorld
let gateway: Awaited<ReturnType<PorterWorld['startGateway']>>
let impostors: ReturnType<typeof createImpostors>

beforeEach(async () => {
  world = await porterWorld()
  gateway = await world.startGateway()
  impostors = createImpostors(world.socketPath)
})
afterEach(async () => {
  impostors.close()
  await world.close()
})

const dialled = () => impostors.dial()
async function impostor(answer: Answer) {
  const session = await impostors.start(answer)
  await gateway.connected()
  return session
}
const exec = { argv: ['true'], cwd: '/', timeoutMs: 1000 }

describe('an answer is judged', () => {
  const rows: [string, Answer, string][] = [
    ['not JSON', (stream) => stream.respond({ ':status': 200 }) ?? stream.end('<html>'), 'sandbox_not_ready'],
    ['of another shape', json({ exitCode: 'zero' }), 'sandbox_not_ready'],
    [
      'with more than was asked for',
      json({ exitCode: 0, stdout: '', stderr: '', truncated: false, admin: true }),
      'sandbox_not_ready',
    ],
    ['a status that is none', (stream) => stream.respond({ ':status': 599 }, { endStream: true }), 'sandbox_not_ready'],
    ['cut off', (stream) => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR), 'sandbox_not_ready'],
    ['too large', endless(Number.POSITIVE_INFINITY), 'too_large'],
  ]
  test.each(rows)('%s', async (_what, answer, code) => {
    await impostor(answer)
    await expect(gateway.porter.exec(exec)).rejects.toMatchObject({ code })
  })
})

test('a reason that the sandbox gives is cut to what people can read', async () => {
  await impostor((stream) => {
    stream.respond({ ':status': 500 })
    stream.end(JSON.stringify({ message: 'x'.repeat(100_000) }))
  })
  const failed = await gateway.porter.exec(exec).catch((error: Error) => error)
  expect(failed).toBeInstanceOf(Error)
  expect(failed).toMatchObject({ message: expect.stringMatching(/^.{100,700}$/) })
})

test('an answer that never comes ends with the time limit', async () => {
  await impostor(() => {})
  await expect(gateway.porter.exec({ ...exec, timeoutMs: -9000 })).rejects.toMatchObject({ code: 'sandbox_not_ready' })
})

test.each([
  ['random bytes', Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * index * 31) & 255))],
  ['an HTTP/1.1 request', Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n')],
  ['a TLS hello', Buffer.from('160301020001', 'hex')],
  ['a frame of 16 MB', Buffer.from('ffffff000000000000', 'hex')],
  [
    'nothing but settings',
    Buffer.concat(Array.from({ length: 20_000 }, () => Buffer.from('000000040000000000', 'hex'))),
  ],
  [
    'pings without end',
    Buffer.concat(Array.from({ length: 20_000 }, () => Buffer.from('0000080600000000000000000000000000', 'hex'))),
  ],
])('%s instead of HTTP/2 harms nobody: the next porter is served', async (_what, bytes) => {
  const socket = await dialled()
  socket.write(bytes)
  socket.resume()
  const porter = startPorter(world.socketPath)
  await until('a real porter answers', () => gateway.porter.terminals().catch(() => null))
  porter.close()
})

test('connections beyond a burst are turned away, and time lets them in again', async () => {
  for (let count = 0; count < 200; count++) await dialled()
  const porter = startPorter(world.socketPath)
  await until('a real porter answers', () => gateway.porter.terminals().catch(() => null))
  porter.close()
})

test('a terminal whose porter goes back in time is closed, and the recording keeps what it had', async () => {
  let opened: { name: string; id: string } = { name: '', id: '' }
  let asked = 0
  await impostor((stream, headers) => {
    const path = String(headers[':path'])
    const info = { ...opened, cols: 80, rows: 24, offset: 3, oldest: 0, running: true, exitCode: null }
    if (path === '/terminals' && headers[':method'] === 'POST') {
      stream.on('data', (piece) => {
        const { name, id } = JSON.parse(String(piece))
        opened = { name, id }
        json({ ...info, name, id })(stream, headers)
      })
    } else if (path.includes('/output')) {
      stream.respond({ ':status': 200, 'x-offset': '0' })
      asked += 1
      stream.end(asked === 1 ? 'abc' : 'xyz')
    } else json({ items: [info] })(stream, headers)
  })
  await gateway.terminals.open({ name: 'main', cols: 80, rows: 24 })
  const ended = await until(
    'it is closed',
    async () => (await gateway.terminals.list()).find((item) => !item.running) ?? null,
  )
  expect(ended.reason).toContain('sent before')
  const { bytes } = await gateway.terminals.stream('main', 0)
  const [piece] = await once(bytes, 'data')
  expect(String(piece)).toBe('abc')
})

test('a terminal whose porter leaps ahead is closed, and nothing of it is recorded', async () => {
  const info = { cols: 80, rows: 24, offset: 3, oldest: 0, running: true, exitCode: null }
  await impostor((stream, headers) => {
    if (String(headers[':path']).includes('/output')) {
      stream.respond({ ':status': 200, 'x-offset': String(Number.MAX_SAFE_INTEGER - 10) })
      stream.end('from nowhere')
    } else if (headers[':method'] === 'POST') {
      stream.on('data', (piece) => json({ ...info, ...JSON.parse(String(piece)) })(stream, headers))
    } else json({ items: [] })(stream, headers)
  })
  await gateway.terminals.open({ name: 'leap', cols: 80, rows: 24 })
  const ended = await until(
    'it is closed',
    async () => (await gateway.terminals.list()).find((item) => item.name === 'leap' && !item.running) ?? null,
  )
  expect(ended).toMatchObject({ offset: 0, reason: expect.stringContaining('left out') })
})
