import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { forward } from '../../../sandbox-images/porter/network/forward.ts'

let folder: string
let socketPath: string
const open = new Set<net.Server>()

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bl-'))
  socketPath = join(folder, 'egress.sock')
})
afterEach(async () => {
  for (const server of open) server.close()
  open.clear()
  await rm(folder, { recursive: true, force: true })
})

async function forwarder() {
  const server = await forward({ port: 0, socketPath })
  open.add(server)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function gateway(handle: (socket: net.Socket) => void) {
  const server = net.createServer({ allowHalfOpen: true }, handle)
  open.add(server)
  await new Promise<void>((listening) => server.listen(socketPath, listening))
}

test('bytes pass both ways, and an end is passed on without cutting the other direction', async () => {
  await gateway((socket) => {
    let bytes = 0
    socket.on('data', (piece) => {
      bytes += piece.length
    })
    socket.on('end', () => socket.end(`you said ${bytes}`))
  })
  const client = net.connect({ port: await forwarder(), allowHalfOpen: true })
  client.end(Buffer.alloc(3_000_000, 'a'))
  expect(await text(client)).toBe('you said 3000000')
})

test('a client that connects while the gateway is being restarted waits for it', async () => {
  const port = await forwarder()
  const client = net.connect(port)
  client.write('hello')
  await once(client, 'connect')
  await gateway((socket) => socket.end('here again'))
  expect(await text(client)).toBe('here again')
})

test('when the gateway stays away the client is told so in HTTP', async () => {
  const answer = await fetch(`http://127.0.0.1:${await forwarder()}/`)
  expect(answer.status).toBe(503)
  expect(await answer.text()).toContain('Try again in a minute')
})

test('a client that goes away takes its connection to the gateway along', async () => {
  const gone = new Promise<void>((resolve) => {
    gateway((socket) =>
      socket
        .on('error', () => {})
        .once('end', resolve)
        .resume(),
    )
  })
  const client = net.connect(await forwarder())
  client.write('GET')
  await once(client, 'connect')
  client.resetAndDestroy()
  await gone
})
