/** What the log is owed while it cannot be written: it is written later, and nothing leaves meanwhile. */
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { keptForOneTest } from '../../../support/kept.ts'
import { type ModelDoor, openModelDoor } from '../../../support/models/door.ts'
import { json, openProvider } from '../../../support/models/provider.ts'

const keep = keptForOneTest()

/** A door whose log is down until `up` is called. */
async function openWithoutLog() {
  const log = { up: false }
  const upstream = keep(await openProvider((_request, response) => json(response, 200, {})))
  const door = keep(
    await openModelDoor({
      providers: [upstream.as('cloudy')],
      assignments: [{ slot: 'cloud', provider: 'cloudy', model: 'm' }],
      append: async () => {
        if (!log.up) throw new Error('the log is down')
      },
    }),
  )
  return { door, upstream, log }
}

async function sendRaw(door: ModelDoor, bytes: string): Promise<string> {
  const socket = connect(door.port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(bytes)
  return text(socket)
}

test('refusals that could not be written are answered at once, and written once when the log is back', async () => {
  const { door, upstream, log } = await openWithoutLog()
  const paths = ['/v1/files', '/v1/batches', '/v1/nowhere']
  for (const path of paths) expect((await door.post(path, {})).status).toBe(503)
  log.up = true
  const written = await door.until('model.request', paths.length)
  expect(written).toMatchObject(paths.map((path) => ({ decision: 'deny', reason: 'path-unknown', detail: { path } })))
  expect((await door.post('/v1/files', {})).status).toBe(404)
  expect(door.events).toHaveLength(paths.length + 1)
  expect(upstream.seen).toEqual([])
})

test('what was no request, and could not be written, is written when the log is back', async () => {
  const { door, log } = await openWithoutLog()
  expect(await sendRaw(door, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /)
  log.up = true
  expect(await door.until('model.request')).toMatchObject([{ decision: 'deny', reason: 'malformed-request' }])
})
