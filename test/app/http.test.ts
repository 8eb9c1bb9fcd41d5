import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.close())

describe('health', () => {
  test('it is alive, and ready when every part answers', async () => {
    expect((await server.ask('/healthz')).json).toEqual({ ok: true })
    expect(await server.ask('/readyz')).toMatchObject({ status: 200, json: { ready: true, reasons: [] } })
  })

  test('it is not ready, and says why, when the gateway cannot record', async () => {
    server.peers.wishes.gateway = ({ path }) =>
      path === '/healthz'
        ? { body: { ok: false, audit: false, reason: 'The audit log cannot be written.' } }
        : undefined
    expect(await server.ask('/readyz')).toMatchObject({
      status: 503,
      json: { ready: false, reasons: ['The audit log cannot be written.'] },
    })
    server.peers.wishes.gateway = () => undefined
  })
})
