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

describe('Admin › Policies', () => {
  const yaml = (cpus: number) =>
    `{ policy: routed, tools: { allow: [] }, sandbox: { cpus: ${cpus} }, egress: [], models: { default: {} } }`
  const publish = (name: string, text: string) =>
    admin.ask(`/api/v1/policies/${name}/publish`, { method: 'POST', body: { yaml: text } })

  test('a check says what is wrong, with the line, and changes nothing', async () => {
    const { status, json } = await admin.ask('/api/v1/policies/check', {
      method: 'POST',
      body: { yaml: `policy: x\nbudgets: {}\n` },
    })
    expect(status).toBe(200)
    expect(json).toMatchObject({
      ok: false,
      policy: null,
      problems: expect.arrayContaining([
        { path: 'budgets', line: 2, message: expect.stringContaining('not enforced by this version') },
      ]),
    })
    expect((await admin.ask('/api/v1/policies/check', { method: 'POST', body: { yaml: yaml(1) } })).json).toMatchObject(
      { ok: true, policy: { name: 'routed', version: 1 } },
    )
    expect((await admin.ask('/api/v1/policies/routed')).status).toBe(404)
  })
  test('published versions are listed with who made them', async () => {
    expect((await publish('routed', yaml(1))).json).toMatchObject({ version: 1, changed: true })
    expect((await publish('routed', yaml(2))).json).toMatchObject({ version: 2, changed: true })
    expect((await publish('routed', yaml(2))).json).toMatchObject({ version: 2, changed: false })
    const { json } = await admin.ask('/api/v1/policies/routed')
    expect(json).toMatchObject({
      policy: { name: 'routed', version: 2, sandbox: { cpus: 2 } },
      source: yaml(2),
      history: [{ version: 2, origin: 'api', by: expect.stringContaining('Person') }, { version: 1 }],
    })
    expect((await admin.ask('/api/v1/policies')).json).toMatchObject({
      items: [{ name: 'routed', version: 2 }, { name: 'standard' }],
    })
    expect(await server.events('policy.published')).toMatchObject([
      { person: admin.id, detail: { version: 1 } },
      { detail: { version: 2 } },
    ])
  })
  test.for([
    ['other', yaml(1), 'Make them the same'],
    ['routed', 'policy: [', 'line 1'],
    ['routed', yaml(-1), 'sandbox.cpus'],
  ] as const)('%s ← %s is refused', async ([name, text, message]) => {
    const { status, json } = await publish(name, text)
    expect(status).toBe(422)
    expect(json).toMatchObject({ error: { code: 'policy_invalid', message: expect.stringContaining(message) } })
  })
})
