/** One connection of the porter for each start of a container, and what was proven holds for that start alone. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import http2 from 'node:http2'
import net from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { type PorterWorld, porterWorld, startPorter } from '../../../support/sandbox/porter.ts'
import { until } from '../../../support/until.ts'

let world: PorterWorld
let gateway: Awaited<ReturnType<PorterWorld['startGateway']>>
beforeEach(async () => {
  world = await porterWorld()
  gateway = await world.startGateway()
})
afterEach(() => world.close())

const command = { argv: ['echo', 'hello'], cwd: '/', timeoutMs: 5000 }
const [first, second] = [randomUUID(), randomUUID()]

function porter(instance: string, path = world.socketPath) {
  const started = startPorter(path, [], instance)
  onTestFinished(() => started.close())
  return started
}
const seen = (type: string) =>
  until(`an event ${type}`, async () => world.porterEvents.find((event) => event.type === type) ?? null)

/** A way to the gateway that can be blocked, as when a whole container is frozen. */
async function detour() {
  const path = join(world.folder, 'detour.sock')
  const sockets = new Set<net.Socket>()
  const server = net.createServer((near) => {
    const far = net.connect(world.socketPath)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from.on('error', () => {}))
      from.on('close', () => to.destroy())
      from.pipe(to)
    }
  })
  server.listen(path)
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    path,
    block() {
      for (const socket of sockets) socket.unpipe().pause()
    },
  }
}

test('while the porter answers, another connection is refused and recorded, and the porter goes on', async () => {
  porter(first)
  await gateway.connected()
  porter(second)
  await seen('refused')
  expect(gateway.porter.instance()).toBe(first)
  expect(await gateway.porter.exec(command)).toMatchObject({ stdout: 'hello\n' })
})

test('one that does not answer any more makes room', async () => {
  const way = await detour()
  porter(first, way.path)
  await gateway.connected()
  way.block()
  porter(second)
  await seen('replaced')
  await until('it answers', async () => (await gateway.porter.exec(command).catch(() => null)) !== null || null)
})

test('its end is recorded, and the same run may come back with what was proven', async () => {
  const one = porter(first)
  await gateway.connected()
  gateway.porter.markProven(first)
  one.close()
  expect(await seen('lost')).toEqual({ type: 'lost', instance: first })
  porter(first)
  await until('it is back', async () => gateway.porter.connected() || null)
  expect(gateway.porter.isTrusted()).toBe(true)
  expect(world.porterEvents.map(({ type }) => type)).toEqual(['connected', 'lost', 'connected'])
})

test('another run is another start of the container: nothing is proven for it yet', async () => {
  const one = porter(first)
  await gateway.connected()
  gateway.porter.markProven(first)
  one.close()
  await seen('lost')
  porter(second)
  expect(await seen('replaced')).toEqual({ type: 'replaced', instance: second, before: first })
  expect(gateway.porter.isTrusted()).toBe(false)
  gateway.porter.markProven(second)
  expect(gateway.porter.isTrusted()).toBe(true)
})

test('the gateway ends at once, also while it looks whether the porter that it has still answers', async () => {
  const way = await detour()
  porter(first, way.path)
  await gateway.connected()
  way.block()
  porter(second)
  await delay(150)
  expect(await Promise.race([gateway.stop().then(() => 'ended'), delay(5000, 'hangs')])).toBe('ended')
  expect(gateway.porter.connected()).toBe(false)
  expect(world.porterEvents.map(({ type }) => type)).toEqual(['connected'])
})

test.each([
  ['an answer that is no health', '{"instance":"x"}'],
  ['no JSON', 'hello'],
])('a connection with %s is nobody', async (_what, text) => {
  const socket = net.connect(world.socketPath)
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  const session = http2.performServerHandshake(socket)
  session.on('error', () => {})
  session.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.on('error', () => {})
    stream.respond({ ':status': 200 })
    stream.end(text)
  })
  await once(socket, 'close')
  expect(gateway.porter.connected()).toBe(false)
  expect(world.porterEvents).toEqual([])
})
