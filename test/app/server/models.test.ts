import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startServer, type TestServer } from '../../support/server/server.ts'

let server: TestServer
let admin: Awaited<ReturnType<TestServer['personWith']>>

beforeAll(async () => {
  server = await startServer()
  admin = await server.personWith('admin')
  for (const [id, place] of [
    ['claude', 'cloud'],
    ['ollama', 'local'],
  ] as const)
    await server.db
      .insertInto('providers')
      .values({ id, kind: 'openai', base_url: 'https://models.example.org', place, sealed_key: Buffer.from('sealed') })
      .execute()
})
afterAll(() => server.close())

const assign = (slot: string, provider: string | null, model: string | null) =>
  admin.ask(`/api/v1/models/assignments/${slot}`, { method: 'PUT', body: { provider, model } })

describe('Admin › Models', () => {
  test('shows providers without their keys, and that the demo answers while nothing is assigned', async () => {
    const { json, text } = await admin.ask('/api/v1/models')
    expect(json).toMatchObject({
      assignments: [],
      demoInUse: true,
      providers: [{ id: 'claude', hasKey: true }, { id: 'ollama' }],
    })
    expect(text).not.toContain('sealed')
  })
  test('a model is assigned and taken away again, and both are recorded', async () => {
    expect((await assign('cloud', 'claude', 'big-1')).json).toMatchObject({
      assignments: [{ slot: 'cloud', provider: 'claude', model: 'big-1' }],
      demoInUse: false,
    })
    expect((await assign('cloud', 'claude', 'big-2')).status).toBe(200)
    expect((await assign('cloud', null, null)).json).toMatchObject({ assignments: [], demoInUse: true })
    expect(await server.events('model.assigned')).toMatchObject([
      { person: admin.id, detail: { slot: 'cloud', provider: 'claude', model: 'big-1' } },
      { detail: { model: 'big-2' } },
      { detail: { slot: 'cloud', provider: null, model: null } },
    ])
  })
  test('a local slot takes local providers, and the demo', async () => {
    expect((await assign('local', 'ollama', 'qwen')).status).toBe(200)
    expect((await assign('local', 'demo', 'scripted')).status).toBe(200)
    expect((await assign('local', 'claude', 'big-1')).json).toMatchObject({
      error: { message: expect.stringContaining('own machines') },
    })
  })
  test.for([
    ['cloud', 'gone', 'x', 'Enter it first'],
    ['elsewhere', 'claude', 'x', 'slot'],
    ['cloud', 'claude', null, ''],
    ['cloud', 'claude', '', ''],
  ] as const)('%s %s %s is refused', async ([slot, provider, model, message]) => {
    const { status, json } = await assign(slot, provider, model)
    expect(status).toBe(400)
    expect(json).toMatchObject({ error: { code: 'invalid_request', message: expect.stringContaining(message) } })
  })
})
