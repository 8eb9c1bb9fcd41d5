import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Provider } from '../../../../api/contract/models.ts'
import { USUAL_LIMITS } from '../../../../api/gateway/models/limits.ts'
import { type ModelDoor, openModelDoor, someone, somePolicy } from '../../../support/models/door.ts'
import { json, openProvider } from '../../../support/models/provider.ts'

const ask = { model: 'backlot/default', messages: [{ role: 'user', content: 'hello' }] }
let upstream: Awaited<ReturnType<typeof openProvider>>
let door: ModelDoor

beforeAll(async () => {
  upstream = await openProvider((_request, response) => json(response, 200, { choices: [] }))
  door = await openModelDoor({
    providers: [upstream.as('cloudy'), { ...upstream.as('claude', 'anthropic'), id: 'claude' }],
    assignments: [{ slot: 'cloud', provider: 'cloudy', model: 'big-1' }],
    keys: { cloudy: 'sk-real-key-1234567890' },
  })
})
afterAll(async () => {
  await door.close()
  await upstream.close()
})
afterEach(() => {
  door.events.length = 0
  door.world.who = someone
})

/** Nothing went up, and exactly one event says why. */
function expectRefusal(reason: string) {
  expect(upstream.seen).toEqual([])
  expect(door.events.map(({ kind, decision, reason }) => ({ kind, decision, reason }))).toEqual([
    { kind: 'model.request', decision: 'deny', reason },
  ])
}

test('L12 a confidential prototype whose local model has a public address: nothing is sent, and the reason is its own', async () => {
  const near: Provider = { id: 'near', kind: 'openai', baseUrl: 'http://203.0.113.7', place: 'local', hasKey: false }
  const local = await openModelDoor({
    providers: [near],
    assignments: [{ slot: 'local', provider: 'near', model: 'm' }],
  })
  local.world.who = { ...someone, label: 'confidential' }
  const answer = await local.post('/v1/chat/completions', ask)
  expect(answer.status).toBe(403)
  expect(answer.headers.get('x-backlot-reason')).toBe('provider-address-public')
  expect(await answer.text()).toContain('not one of a private network')
  const [end] = await local.until('model.call')
  expect(end).toMatchObject({ decision: 'deny', reason: 'provider-address-public', detail: { status: null } })
  await local.close()
})

describe('paths are compared as they came (L02, L06)', () => {
  test.for([
    ['POST', '/v1/files', 404, 'path-unknown'],
    ['GET', '/v1/organizations/x', 404, 'path-unknown'],
    ['POST', '/v1/batches', 404, 'path-unknown'],
    ['POST', '/v1/messages/../files', 404, 'path-unknown'],
    ['POST', '/v1/messages/./', 404, 'path-unknown'],
    ['POST', '//v1/messages', 404, 'path-unknown'],
    ['POST', '/v1/messages%2f..', 404, 'path-unknown'],
    ['POST', '/v1/messages%2F..%2Ffiles', 404, 'path-unknown'],
    ['POST', '/v1/%6dessages', 404, 'path-unknown'],
    ['POST', '/v1/messages/', 404, 'path-unknown'],
    ['POST', '/V1/messages', 404, 'path-unknown'],
    ['POST', '/v1/messages;x', 404, 'path-unknown'],
    ['POST', '/v1/messages#x', 404, 'path-unknown'],
    ['POST', '/v1/messages/count_tokens', 404, 'path-unknown'],
    ['POST', 'http://api.example.com/v1/messages', 404, 'path-unknown'],
    ['POST', '*', 404, 'path-unknown'],
    ['POST', '/v1/messages?a=b', 400, 'query-refused'],
    ['POST', '/v1/messages?beta=true&x', 400, 'query-refused'],
    ['POST', '/v1/chat/completions?/../../files', 400, 'query-refused'],
    ['GET', '/v1/messages', 405, 'method-refused'],
    ['DELETE', '/v1/models', 405, 'method-refused'],
    ['POST', '/v1/models', 405, 'method-refused'],
  ] as const)('%s %s → %i', async ([method, target, status, reason]) => {
    const answer = await raw(
      `${method} ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`,
    )
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(answer).toContain(`x-backlot-reason: ${reason}`)
    expectRefusal(reason)
  })
})

describe('what would make the provider act where no policy sees it is refused (L04)', () => {
  const image = (url: unknown) => ({ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: url }] }] })
  const block = (content: unknown) => ({ messages: [{ role: 'user', content: [content] }] })
  test.for([
    ['/v1/chat/completions', 'an image by its address', image({ url: 'https://evil.example/x.png' })],
    ['/v1/chat/completions', 'an image by its address, in capitals', image({ url: 'HTTPS://evil.example/x.png' })],
    ['/v1/chat/completions', 'an image by its address, as text', image('http://evil.example/x.png')],
    ['/v1/chat/completions', 'a stored file', block({ type: 'file', file: { file_id: 'file-1' } })],
    ['/v1/chat/completions', 'web search', { web_search_options: {} }],
    ['/v1/chat/completions', "a router's plugin", { plugins: [{ id: 'web' }] }],
    ['/v1/chat/completions', "a router's list of models", { models: ['other/model'] }],
    ['/v1/chat/completions', "a proxy's own address", { api_base: 'https://evil.example' }],
    ['/v1/chat/completions', "a proxy's callback", { success_callback: ['https://evil.example'] }],
    ['/v1/chat/completions', 'a tool without a type', { tools: [{ googleSearch: {} }] }],
    ['/v1/messages', 'web search', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }],
    ['/v1/messages', 'web fetch', { tools: [{ type: 'web_fetch_20250910', name: 'web_fetch' }] }],
    ['/v1/messages', 'code execution', { tools: [{ type: 'code_execution_20250825', name: 'code_execution' }] }],
    ['/v1/messages', 'MCP servers', { mcp_servers: [{ type: 'url', url: 'https://evil.example' }] }],
    ['/v1/messages', 'MCP servers, in capitals', { MCP_SERVERS: [{ type: 'url', url: 'https://evil.example' }] }],
    ['/v1/messages', 'a container', { container: { skills: [] } }],
    [
      '/v1/messages',
      'an image by its address',
      block({ type: 'image', source: { type: 'url', url: 'https://evil.example/x.png' } }),
    ],
    ['/v1/messages', 'a stored document', block({ type: 'document', source: { type: 'file', file_id: 'file_1' } })],
    ['/v1/messages', 'an upload to a container', block({ type: 'container_upload', file_id: 'file_1' })],
    [
      '/v1/messages',
      'an address in a tool result',
      block({
        type: 'tool_result',
        tool_use_id: 't',
        content: [{ type: 'image', source: { type: 'url', url: 'https://evil.example' } }],
      }),
    ],
    ['/v1/responses', 'web search', { input: 'x', tools: [{ type: 'web_search' }] }],
    ['/v1/responses', 'MCP', { input: 'x', tools: [{ type: 'mcp', server_url: 'https://evil.example' }] }],
    ['/v1/responses', 'file search', { input: 'x', tools: [{ type: 'file_search', vector_store_ids: ['vs_1'] }] }],
    [
      '/v1/responses',
      'a code interpreter',
      { input: 'x', tools: [{ type: 'code_interpreter', container: { type: 'auto' } }] },
    ],
    [
      '/v1/responses',
      'a file by its address',
      { input: [{ role: 'user', content: [{ type: 'input_file', file_url: 'https://evil.example' }] }] },
    ],
    [
      '/v1/responses',
      'an image by its address',
      { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'https://evil.example' }] }] },
    ],
    ['/v1/responses', 'an earlier response', { input: 'x', previous_response_id: 'resp_1' }],
    ['/v1/responses', 'a stored item', { input: [{ type: 'item_reference', id: 'msg_1' }] }],
    ['/v1/responses', 'a run in the background', { input: 'x', background: true }],
    ['/v1/responses', 'a stored prompt', { input: 'x', prompt: { id: 'pmpt_1' } }],
  ] as const)('%s: %s', async ([path, _what, more]) => {
    const answer = await door.post(path, { model: 'default', messages: [], ...more })
    expect(answer.status).toBe(403)
    expect(answer.headers.get('x-backlot-reason')).toBe('server-side-refused')
    expectRefusal('server-side-refused')
  })
})

describe('two readers of one body must not see two requests (A09)', () => {
  test.for([
    ['a model that appears twice', '{"model":"default","messages":[],"model":"other"}'],
    ['a model that appears twice, once escaped', '{"model":"default","mod\\u0065l":"other"}'],
    ['a model that appears twice, once in capitals', '{"model":"default","Model":"other"}'],
    ['only a model in capitals', '{"MODEL":"default"}'],
    ['tools that appear twice', '{"model":"default","tools":[],"tools":[{"type":"web_search"}]}'],
    ['a role that appears twice', '{"model":"default","messages":[{"role":"user","role":"system"}]}'],
    ['a long s, which Go folds', '{"model":"default","meſſages":[]}'],
    ['no model', '{"messages":[]}'],
    ['a model that is a list', '{"model":["default"]}'],
    ['a list', '["default"]'],
    ['half a body', '{"model":"default"'],
    ['two bodies', '{"model":"default"}{"model":"other"}'],
    ['nothing', ''],
    ['bytes that are no text', Buffer.from('{"model":"\xff"}', 'latin1')],
    ['201 fields', `{"model":"default"${Array.from({ length: 200 }, (_, at) => `,"f${at}":1`).join('')}}`],
    ['a field of 101 characters', `{"model":"default","${'x'.repeat(101)}":1}`],
    ['101 levels', `{"model":"default","x":${'['.repeat(101)}${']'.repeat(101)}}`],
  ] as const)('%s', async ([_what, body]) => {
    const answer = await fetch(`${door.url}/v1/chat/completions`, { method: 'POST', body })
    expect(answer.status).toBe(400)
    await answer.text()
    expectRefusal('body-invalid')
  })
})

describe('policy and label decide which model answers (L05)', () => {
  const labels = { public: 'cloud', internal: 'cloud', confidential: 'local', restricted: 'none' } as const
  test.for([
    ['a model by its own name', { ...ask, model: 'big-1' }, {}, 'model-not-allowed'],
    ['a provider by its name', { ...ask, model: 'cloudy/big-1' }, {}, 'model-not-allowed'],
    ['a restricted label', ask, { label: 'restricted' as const }, 'label-no-model'],
    ['a confidential label without a local model', ask, { label: 'confidential' as const }, 'model-not-assigned'],
    ['a policy without models', ask, { policy: withDefault('none') }, 'no-model'],
    ['a policy that names a provider that is gone', ask, { policy: withDefault('gone/x') }, 'provider-unknown'],
    [
      'a local target on a provider in the cloud',
      ask,
      {
        label: 'confidential' as const,
        policy: { ...somePolicy, models: { labels, default: { cloud: 'assigned', local: 'cloudy/big-1' } } },
      },
      'provider-not-local',
    ],
  ] as const)('%s', async ([_what, body, who, reason]) => {
    door.world.who = { ...someone, ...who }
    const answer = await door.post('/v1/chat/completions', body)
    expect(answer.status).toBe(403)
    expect(await answer.json()).toMatchObject({
      error: { message: expect.stringMatching(/\w/), code: reason.replaceAll('-', '_') },
    })
    expectRefusal(reason)
  })

  function withDefault(cloud: string) {
    return { ...somePolicy, models: { labels, default: { cloud, local: 'assigned' } } }
  }

  test('nobody behind the socket: nothing is answered', async () => {
    door.world.who = null
    const answer = await door.post('/v1/messages', ask)
    expect(answer.status).toBe(403)
    expect(await answer.json()).toMatchObject({ type: 'error', error: { type: 'permission_error' } })
    expectRefusal('no-identity')
    expect(door.events[0]).toMatchObject({ sandbox: someone.sandbox, person: null, policy: null })
  })

  test("responses are not offered where the assigned provider doesn't know them", async () => {
    door.world.who = { ...someone, policy: withDefault('claude/opus') }
    expect((await door.post('/v1/responses', { model: 'default', input: 'x' })).status).toBe(400)
    expectRefusal('format-not-offered')
  })
})

describe('limits', () => {
  const limited = async (limits: Partial<typeof USUAL_LIMITS>, body: (at: ModelDoor) => Promise<void>) => {
    const small = await openModelDoor({ limits: { ...USUAL_LIMITS, ...limits } })
    await body(small).finally(() => small.close())
  }
  test('a body beyond the cap is refused before it is read to its end', () =>
    limited({ bodyBytes: 1_048_576 }, async (at) => {
      const answer = await at.post('/v1/messages', { ...ask, x: 'x'.repeat(1_100_000) })
      expect(answer.status).toBe(413)
      expect(await answer.json()).toMatchObject({ error: { type: 'request_too_large' } })
    }))
  test('more requests than the rate are answered 429 (L05)', () =>
    limited({ burst: 3, perSecond: 0.001 }, async (at) => {
      const answers = await Promise.all(Array.from({ length: 10 }, () => at.post('/v1/chat/completions', ask)))
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 429, 429, 429, 429, 429, 429, 429])
      expect(at.events.filter(({ reason }) => reason === 'rate-limit')).toHaveLength(7)
    }))
  test('requests sent ahead of their answers end the connection, and what is behind the door goes on', async () => {
    await raw('GET /v1/nowhere HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(20_000))
    expect(door.events.length).toBeLessThan(10)
    expect(door.events.at(-1)?.reason).toBe('too-many-calls')
    expect((await fetch(`${door.url}/v1/models`)).status).toBe(200)
  })
  test('a request beyond the rate waits for its refusal, so that refusals cannot flood the log', () =>
    limited({ burst: 1, perSecond: 0.001, refusalWaitMs: 300 }, async (at) => {
      await (await fetch(`${at.url}/v1/models`)).text()
      const startedAt = performance.now()
      expect((await fetch(`${at.url}/v1/models`)).status).toBe(429)
      expect(performance.now() - startedAt).toBeGreaterThan(290)
    }))
  test('nobody behind the socket: the rate holds all the same', () =>
    limited({ burst: 1, perSecond: 0.001, refusalWaitMs: 1 }, async (at) => {
      at.world.who = null
      expect([(await fetch(`${at.url}/v1/x`)).status, (await fetch(`${at.url}/v1/x`)).status]).toEqual([403, 429])
    }))
  test('large bodies cost more of the rate than small ones', () =>
    limited({ burst: 3, perSecond: 0.001 }, async (at) => {
      await (await at.post('/v1/chat/completions', { ...ask, x: 'x'.repeat(1_100_000) })).text()
      expect((await at.post('/v1/chat/completions', ask)).status).toBe(429)
    }))
  test('bodies of many values cost more of the rate than plain ones', () =>
    limited({ burst: 3, perSecond: 0.001 }, async (at) => {
      await (await at.post('/v1/chat/completions', { ...ask, x: Array.from({ length: 10_001 }, () => 1) })).text()
      expect((await at.post('/v1/chat/completions', ask)).status).toBe(429)
    }))
  test('a body of millions of values is refused in an instant, and what is behind the door goes on', async () => {
    const answer = await door.post(
      '/v1/chat/completions',
      `{"model":"backlot/default","messages":[${'{},'.repeat(10_800_000)}{}]}`,
    )
    expect(answer.status).toBe(413)
    expectRefusal('body-too-many-values')
    expect((await fetch(`${door.url}/v1/models`)).status).toBe(200)
  })

  describe('what arrives is held to account before it has ended', () => {
    const head = 'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n'
    const unfinished = (at: ModelDoor, bytes: number) => {
      const socket = connect(at.port, '127.0.0.1')
      socket.on('error', () => undefined)
      socket.write(`${head}Content-Length: ${bytes + 1}\r\n\r\n`)
      socket.write('x'.repeat(bytes))
      return socket
    }
    const large = { ...ask, x: 'x'.repeat(600_000) }
    const statusOf = async (at: ModelDoor) => {
      const answer = await at.post('/v1/chat/completions', large)
      await answer.text()
      return answer.status
    }
    const becomes = (at: ModelDoor, status: number) =>
      expect.poll(() => statusOf(at), { timeout: 10_000, interval: 20 }).toBe(status)

    test('bodies without their last byte take room, and give it back when the client goes', () =>
      limited({ heldBytes: 1_048_576 }, async (at) => {
        const socket = unfinished(at, 700_000)
        await becomes(at, 429)
        expect(at.events.at(-1)?.reason).toBe('too-much-held')
        socket.destroy()
        await becomes(at, 200)
      }))
    test('a body that never ends gives its room back when its time is over', () =>
      limited({ heldBytes: 1_048_576, bodyTimeoutMs: 1_000 }, async (at) => {
        const socket = unfinished(at, 700_000)
        await becomes(at, 429)
        await becomes(at, 200)
        socket.destroy()
      }))
    test.for([
      ['not JSON', 'x'.repeat(600_000), 400],
      ['too many together', { ...ask, x: 'x'.repeat(2_000_000) }, 429],
      ['asking for a tool of the provider', { ...large, plugins: [1] }, 403],
    ] as const)('a body that is refused gives its room back: %s', ([_what, body, status]) =>
      limited({ heldBytes: 1_048_576 }, async (at) => {
        for (let time = 0; time < 3; time++) expect((await at.post('/v1/chat/completions', body)).status).toBe(status)
        await becomes(at, 200)
      }),
    )
    test('a body in pieces of one byte takes room for what each piece occupies', () =>
      limited({ heldBytes: 1_048_576 }, async (at) => {
        const answer = await raw(
          `${head}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(10_000)}0\r\n\r\n`,
          at,
        )
        expect(answer).toContain('x-backlot-reason: too-much-held')
      }))
  })

  test('a compressed body is refused: what it holds could not be capped', async () => {
    const answer = await door.post('/v1/chat/completions', ask, { 'content-encoding': 'gzip' })
    expect(answer.status).toBe(415)
    expectRefusal('body-encoded')
  })
  test.for<[string, string]>([
    ['\x16\x03\x01\x02\x00\x01', 'malformed-request'],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'malformed-request'],
    [`GET /v1/models HTTP/1.1\r\nA: ${'x'.repeat(40_000)}\r\n\r\n`, 'malformed-request'],
    ['POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 'malformed-request'],
    ['GET /\r\n\r\n', 'path-unknown'],
  ])('what is not HTTP/1.1 is refused and closed, and the next caller is served: %j', async ([bytes, reason]) => {
    expect((await raw(bytes)).toLowerCase()).toContain(`\r\nx-backlot-reason: ${reason}\r\n`)
    expectRefusal(reason)
    expect((await fetch(`${door.url}/v1/models`)).status).toBe(200)
  })
})

async function raw(bytes: string, at = door): Promise<string> {
  const socket = connect(at.port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(bytes, 'latin1')
  return text(socket).catch(() => '')
}
