import { mkdtemp, rm } from 'node:fs/promises'
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createGatewayClient } from '../../../api/server/nodes/gateway.ts'

type Answer = (stream: ServerHttp2Stream, path: string) => void

let folder: string
let client: ReturnType<typeof createGatewayClient>
let running: { server: Http2Server; sessions: Set<ServerHttp2Session> } | null = null
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'backlot-gw-'))
  client = createGatewayClient(join(folder, 'g.sock'))
})
afterEach(async () => {
  client.close()
  await stop()
  await rm(folder, { recursive: true, force: true })
})

async function start(answer: Answer) {
  const sessions = new Set<ServerHttp2Session>()
  const server = createServer()
  server.on('session', (session) => sessions.add(session))
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) =>
    answer(stream, String(headers[':path'])),
  )
  await new Promise<void>((done) => server.listen(join(folder, 'g.sock'), done))
  running = { server, sessions }
}
/** As kill -9 does. */
async function stop() {
  const was = running
  running = null
  for (const session of was?.sessions ?? []) session.destroy()
  await new Promise((done) => (was ? was.server.close(done) : done(undefined)))
}
const json = (stream: ServerHttp2Stream, status: number, body: unknown) => {
  stream.respond({ ':status': status, 'content-type': 'application/json' })
  stream.end(body === undefined ? '<html>' : JSON.stringify(body))
}
const healthy: Answer = (stream) => json(stream, 200, { ok: true, audit: true, reason: null })

test('a gateway that is away is unavailable, and is found again when it is back', async () => {
  await expect(client.health()).rejects.toMatchObject({ code: 'gateway_unavailable' })
  for (let round = 0; round < 3; round += 1) {
    await start(healthy)
    expect(await client.health()).toEqual({ ok: true, audit: true, reason: null })
    await stop()
    await expect(client.health()).rejects.toMatchObject({ code: 'gateway_unavailable' })
  }
})

test("a call whose caller has left is ended on the gateway's side too (G42)", async () => {
  const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  await start((stream) => {
    stream.on('error', () => {})
    stream.once('close', ended.resolve)
    begun.resolve()
  })
  const caller = new AbortController()
  const command = { argv: ['sleep', '1000'], cwd: '/', timeoutMs: 600_000 }
  const call = client.exec('sb_aaaaaaaaaaaaaaaa', command, caller.signal)
  await begun.promise
  caller.abort()
  await expect(call).rejects.toMatchObject({ code: 'gateway_unavailable' })
  await ended.promise
  await expect(client.exec('sb_aaaaaaaaaaaaaaaa', command, caller.signal)).rejects.toThrow()
})

test('a gateway that dies while it answers is unavailable, and nothing hangs', async () => {
  await start((stream) => {
    stream.respond({ ':status': 200 })
    stream.write('{"ok":')
    stream.session?.destroy()
  })
  await expect(client.health()).rejects.toMatchObject({ code: 'gateway_unavailable' })
})

test('what the gateway says to people arrives; no path or address does', async () => {
  await start((stream) =>
    json(stream, 409, { error: { code: 'sandbox_not_ready', message: 'Not yet.', requestId: 'r' } }),
  )
  await expect(client.doorStatus('sb_aaaaaaaaaaaaaaaa')).rejects.toMatchObject({
    code: 'sandbox_not_ready',
    message: 'Not yet.',
  })
  await stop()
  const error: unknown = await client.health().catch((thrown: unknown) => thrown)
  expect(String(error)).not.toContain(folder)
})

test.each([
  ['an answer that is not in the contract', (stream: ServerHttp2Stream) => json(stream, 200, { ok: 'yes' })],
  [
    'an answer that is not JSON',
    (stream: ServerHttp2Stream) => stream.respond({ ':status': 200 }) ?? stream.end('<html>'),
  ],
  ['an error without a body', (stream: ServerHttp2Stream) => stream.respond({ ':status': 500 }, { endStream: true })],
])('%s is an error, never a value', async (_what, answer) => {
  await start(answer)
  await expect(client.health()).rejects.toThrow()
})

test('a terminal is a stream both ways, from the offset that the gateway names; refused is refused', async () => {
  await start((stream, path) => {
    if (path.includes('/other/'))
      return json(stream, 409, { error: { code: 'sandbox_not_ready', message: 'No.', requestId: 'r' } })
    stream.respond({ ':status': 200, 'x-offset': '42' })
    stream.pipe(stream)
  })
  const { offset, bytes } = await client.streamTerminal('sb_aaaaaaaaaaaaaaaa', 'main', 17)
  expect(offset).toBe(42)
  const echoed = new Promise((resolve) => bytes.once('data', (piece) => resolve(String(piece))))
  bytes.write('ls\n')
  expect(await echoed).toBe('ls\n')
  await expect(client.streamTerminal('sb_aaaaaaaaaaaaaaaa', 'other', null)).rejects.toMatchObject({
    code: 'sandbox_not_ready',
  })
  bytes.destroy()
})
