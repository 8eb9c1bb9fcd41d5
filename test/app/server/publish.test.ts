import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startServer, type TestServer } from '../../support/server/server.ts'

let server: TestServer
let admin: Awaited<ReturnType<TestServer['personWith']>>

beforeAll(async () => {
  server = await startServer()
  admin = await server.personWith('admin')
})
afterAll(() => server.close())

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
