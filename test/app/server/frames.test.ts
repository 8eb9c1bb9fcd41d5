/** What a browser may send over a terminal's WebSocket: bytes, and frames of the protocol. Anything else ends the connection. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Duplex } from 'node:stream'
import { afterEach, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { type ClientFrame, MAX_CLIENT_MESSAGE_BYTES } from '../../../api/contract/terminal.ts'
import { join } from '../../../api/server/terminals/socket.ts'
import { startServer } from '../../support/server/server.ts'

const opened: Array<() => void> = []
afterEach(() => {
  for (const close of opened.splice(0)) close()
})

/** A browser's end, and what reached the terminal behind the other. */
async function joined() {
  const typed: Buffer[] = []
  const frames: ClientFrame[] = []
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: MAX_CLIENT_MESSAGE_BYTES })
  await once(server, 'listening')
  server.on('connection', (socket) => {
    const bytes = new Duplex({
      read() {},
      write(piece: Buffer, _encoding, done) {
        typed.push(piece)
        done()
      },
    })
    join({
      socket,
      bytes,
      onFrame: (frame) => void frames.push(frame),
      lastFrame: async () => ({ type: 'exit', exitCode: 0 }),
    })
  })
  const address: AddressInfo | string | null = server.address()
  const port = address !== null && typeof address !== 'string' ? address.port : 0
  const browser = new WebSocket(`ws://127.0.0.1:${port}`).on('error', () => {})
  opened.push(() => {
    browser.terminate()
    server.close()
  })
  await once(browser, 'open')
  return { browser, typed, frames }
}

test.each([
  ['V07 a size beyond every screen', '{"type":"resize","cols":1000000000,"rows":24}', 1008],
  ['V07 no size at all', '{"type":"resize","cols":0,"rows":-1}', 1008],
  ['V07 half a column', '{"type":"resize","cols":80.5,"rows":24}', 1008],
  ['V07 a field too many', '{"type":"resize","cols":80,"rows":24,"__proto__":{}}', 1008],
  ['V07 a frame that does not exist', '{"type":"exec","argv":["id"]}', 1008],
  ['V07 text that is no JSON', '\u0000{', 1008],
  ['V07 100 MB in one message', Buffer.alloc(100_000_000), 1009],
] as const)('%s ends the connection, and nothing reaches the terminal', async (_what, message, code) => {
  const { browser, typed, frames } = await joined()
  browser.send(message)
  const [closedWith] = await once(browser, 'close')
  expect(closedWith).toBe(code)
  expect({ typed, frames }).toEqual({ typed: [], frames: [] })
})

test('bytes and sizes pass', async () => {
  const { browser, typed, frames } = await joined()
  browser.send('{"type":"resize","cols":132,"rows":43}')
  browser.send(Buffer.from([0, 255, 3]))
  await expect.poll(() => Buffer.concat(typed)).toEqual(Buffer.from([0, 255, 3]))
  expect(frames).toEqual([{ type: 'resize', cols: 132, rows: 43 }])
})

test('the server takes no longer message than the protocol says', async () => {
  const server = await startServer()
  expect(server.app.websocketServer.options.maxPayload).toBe(MAX_CLIENT_MESSAGE_BYTES)
  await server.close()
})
