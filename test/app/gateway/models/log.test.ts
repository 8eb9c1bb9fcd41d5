/** What the log is owed while it cannot be written: it is written later, and nothing leaves meanwhile. */
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import type { AuditEvent } from '../../../../api/contract/audit.ts'
import { keptForOneTest } from '../../../support/kept.ts'
import { type ModelDoor, openModelDoor } from '../../../support/models/door.ts'
import { json, openProvider } from '../../../support/models/provider.ts'

const keep = keptForOneTest()

const ask = { model: 'backlot/default', messages: [{ role: 'user', content: 'hello' }] }

/** A door whose log takes nothing, or nothing of a kind, until it is up. */
async function openWithoutLog(isRefused: (event: AuditEvent) => boolean = () => true) {
  const log = { up: false, refused: 0 }
  const upstream = keep(await openProvider((_request, response) => json(response, 200, {})))
  const door = keep(
    await openModelDoor({
      providers: [upstream.as('cloudy')],
      assignments: [{ slot: 'cloud', provider: 'cloudy', model: 'm' }],
      append: async (event) => {
        if (log.up || !isRefused(event)) return
        log.refused++
        throw new Error('the log is down')
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

test('what cannot be recorded is not sent', async () => {
  const { door, upstream } = await openWithoutLog()
  const answer = await door.post('/v1/messages', ask)
  expect(answer.status).toBe(503)
  expect(await answer.json()).toMatchObject({ type: 'error', error: { type: 'overloaded_error' } })
  expect((await door.post('/v1/files', {})).status).toBe(503)
  expect(upstream.seen).toEqual([])
})

test('an end that the log did not take is written again until it does, once', async () => {
  const { door, log } = await openWithoutLog((event) => event.kind === 'model.call')
  expect((await door.post('/v1/chat/completions', ask)).status).toBe(200)
  await expect.poll(() => log.refused).toBeGreaterThan(1)
  log.up = true
  expect(await door.until('model.call')).toHaveLength(1)
  expect((await door.post('/v1/chat/completions', ask)).status).toBe(200)
  expect(await door.until('model.call', 2)).toHaveLength(2)
})
