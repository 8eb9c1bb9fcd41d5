/** What a WebSocket may still do once its person's right to it is gone. */
import websocket from '@fastify/websocket'
import fastify from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { personId } from '../../../../api/contract/ids.ts'
import { newId } from '../../../../api/ids.ts'
import { createLiveConnections } from '../../../../api/server/http/live.ts'
import type { App } from '../../../../api/server/http/route.ts'
import { endSocketsWithTheirRight } from '../../../../api/server/http/sockets.ts'
import { until } from '../../../support/until.ts'

const live = createLiveConnections(async () => true)
const app: App = fastify().withTypeProvider<ZodTypeProvider>()
const person = personId.parse(newId('pe'))
const heard: string[] = []
let url = ''

beforeAll(async () => {
  app.decorateRequest('caller', null)
  app.addHook('onRequest', async (request) => {
    const by = { type: 'session', session: Buffer.from('s') } as const
    request.caller = { id: person, name: '', email: '', roles: [], createdAt: new Date(), hasPassword: true, by }
  })
  await app.register(websocket)
  endSocketsWithTheirRight(app, live)
  app.get('/', { websocket: true }, (socket) => {
    socket.on('message', (data) => void heard.push(String(data)))
  })
  url = (await app.listen({ host: '127.0.0.1', port: 0 })).replace('http', 'ws')
})
afterAll(() => app.close())

test('nothing that is sent afterwards is heard, even by a client that does not close its side', async () => {
  const socket = new WebSocket(url)
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  // Like a client that goes on typing: what arrives, the goodbye included, is never answered.
  socket.on('open', () => socket.pause())
  await until('it is open', () => (socket.readyState === WebSocket.OPEN ? true : null))
  socket.send('before')
  await until('it is heard', () => (heard.includes('before') ? true : null))
  const startedAt = performance.now()
  live.endPerson(person)
  socket.send('after')
  await until('the connection is gone', () => (app.websocketServer.clients.size === 0 ? true : null))
  expect(performance.now() - startedAt).toBeLessThan(5_000)
  expect(heard).toEqual(['before'])
  socket.terminate()
  await closed
})
