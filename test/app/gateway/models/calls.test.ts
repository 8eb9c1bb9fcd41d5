import { once } from 'node:events'
import { request } from 'node:http'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { type ModelDoor, openModelDoor } from '../../../support/models/door.ts'
import { json, openProvider } from '../../../support/models/provider.ts'
import { tlsUpstream } from '../egress/world/upstream.ts'

const KEY = 'sk-real-key-1234567890abcd'
const ask = { model: 'backlot/default', messages: [{ role: 'user', content: 'hello' }] }
type Upstream = Awaited<ReturnType<typeof openProvider>>

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

/** A door whose cloud model is `big-1` at `upstream`. */
async function doorTo(
  upstream: Upstream,
  kind: 'openai' | 'anthropic' = 'openai',
  more: Parameters<typeof openModelDoor>[0] = {},
): Promise<ModelDoor> {
  const door = await openModelDoor({
    providers: [upstream.as('cloudy', kind)],
    assignments: [{ slot: 'cloud', provider: 'cloudy', model: 'big-1' }],
    keys: { cloudy: KEY },
    ...more,
  })
  open.push(upstream, door)
  return door
}

describe('what goes up', () => {
  test('only the model is another: every other byte of the body is the one that the client wrote (A09)', async () => {
    const upstream = await openProvider((_request, response) => json(response, 200, {}))
    const door = await doorTo(upstream)
    const body = `{ "seed" : 12345678901234567890, "model"\n:\t"backlot/default" ,"x":1e2,"__proto__":{"a":1},"messages":[{"role":"user","content":"\\u00e9 \\"model\\": \\"other\\" 🙂"}]}`
    await door.post('/v1/chat/completions', body)
    expect(upstream.seen[0]?.body).toBe(body.replace('"backlot/default"', '"big-1"'))
  })

  test.for([
    ['openai', '/v1/chat/completions', { authorization: `Bearer ${KEY}` }],
    ['openai', '/v1/responses', { authorization: `Bearer ${KEY}` }],
    ['anthropic', '/v1/messages', { 'x-api-key': KEY, 'anthropic-version': '2023-06-01' }],
    ['anthropic', '/v1/chat/completions', { authorization: `Bearer ${KEY}` }],
  ] as const)('%s %s carries our key and nothing of who asked (H18)', async ([kind, path, credential]) => {
    const upstream = await openProvider((_request, response) => json(response, 200, {}))
    const door = await doorTo(upstream, kind)
    await door.post(path, ask, {
      authorization: 'Bearer stolen',
      'x-api-key': 'stolen',
      'api-key': 'stolen',
      cookie: 'a=stolen',
      'proxy-authorization': 'stolen',
      'openai-organization': 'stolen',
      'x-sandbox-id': 'stolen',
      'x-forwarded-for': 'stolen',
      'anthropic-beta': 'interleaved-thinking-2025-05-14, files-api-2025-04-14,mcp-client-2025-04-04',
    })
    const { host, 'content-length': length, connection, ...headers } = upstream.seen[0]?.headers ?? {}
    expect(headers).toEqual({
      'content-type': 'application/json',
      accept: 'application/json, */*',
      'accept-encoding': 'identity',
      'user-agent': 'backlot',
      ...credential,
      ...(path === '/v1/messages' ? { 'anthropic-beta': 'interleaved-thinking-2025-05-14' } : {}),
    })
    expect(JSON.stringify(upstream.seen)).not.toContain('stolen')
  })

  test('a base address with a path of its own is kept', async () => {
    const upstream = await openProvider((_request, response) => json(response, 200, {}))
    const door = await doorTo(upstream)
    door.world.providers = [{ ...upstream.as('cloudy'), baseUrl: `${upstream.url}/openai` }]
    await door.post('/v1/chat/completions', ask)
    expect(upstream.seen[0]?.url).toBe('/openai/v1/chat/completions')
  })

  test('a client that waits for `100 Continue` gets it, and then its answer', async () => {
    const upstream = await openProvider((_request, response) => json(response, 200, {}))
    const door = await doorTo(upstream)
    const body = JSON.stringify(ask)
    const client = request(`${door.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': body.length, expect: '100-continue' },
    })
    const answered = once(client, 'response')
    client.flushHeaders()
    await once(client, 'continue')
    expect(upstream.seen).toHaveLength(0)
    client.end(body)
    const [answer] = await answered
    expect(answer.statusCode).toBe(200)
    answer.resume()
    expect(upstream.seen).toHaveLength(1)
  })

  test('a prompt of 2 MB works', async () => {
    const upstream = await openProvider((_request, response) => json(response, 200, {}))
    const door = await doorTo(upstream)
    const content = 'ä'.repeat(1_000_000)
    expect((await door.post('/v1/chat/completions', { ...ask, messages: [{ role: 'user', content }] })).status).toBe(
      200,
    )
    expect(upstream.seen[0]?.body).toContain(content)
  })

  test('two sandboxes never share a connection to a provider, and one sandbox keeps its own (H20)', async () => {
    const upstream = await openProvider((_request, response) => json(response, 200, {}))
    const [one, two] = [
      await doorTo(upstream),
      await openModelDoor({
        providers: [upstream.as('cloudy')],
        assignments: [{ slot: 'cloud', provider: 'cloudy', model: 'm' }],
      }),
    ]
    open.push(two)
    for (const door of [one, one, two, two]) await (await door.post('/v1/chat/completions', ask)).text()
    expect(upstream.seen.map(({ connection }) => connection)).toEqual([0, 0, 1, 1])
  })
})

describe('what comes down', () => {
  test.for([
    [
      '/v1/chat/completions',
      'data: {"choices":[{"delta":{"content":"hé"}}]}\n\ndata: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7}}\n\ndata: [DONE]\n\n',
      [11, 7],
    ],
    ['/v1/chat/completions', ': comment\r\n\r\ndata: {"choices":[]}\r\n\r\ndata: [DONE]\r\n\r\n', [null, null]],
    [
      '/v1/responses',
      'event: response.completed\ndata: {"type":"response.completed","response":{"usage":{"input_tokens":5,"output_tokens":6}}}\n\n',
      [5, 6],
    ],
    [
      '/v1/messages',
      'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":3,"cache_read_input_tokens":100,"output_tokens":1}}}\n\nevent: message_delta\ndata: {"type":"message_delta","delta":{},"usage":{"output_tokens":42}}\n\n',
      [103, 42],
    ],
    [
      '/v1/messages',
      'data: {"usage":{"output_tokens":-1,"input_tokens":"many"}}\n\ndata: {"usage":[]}\n\ndata: {"usage"',
      [null, null],
    ],
  ] as const)(
    '%s: a stream passes byte for byte, whatever its pieces, and its tokens are counted',
    async ([path, stream, tokens]) => {
      const bytes = Buffer.from(stream)
      const upstream = await openProvider(async (_request, response) => {
        response.writeHead(200, {
          'content-type': 'text/event-stream; charset=utf-8',
          'set-cookie': 'a=b',
          'x-request-id': 'req_1',
        })
        for (let at = 0; at < bytes.length; at += 7) {
          response.write(bytes.subarray(at, at + 7))
          await new Promise(setImmediate)
        }
        response.end()
      })
      const door = await doorTo(upstream, path === '/v1/messages' ? 'anthropic' : 'openai')
      const answer = await door.post(path, { ...ask, stream: true })
      expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
      expect(answer.headers.get('x-request-id')).toBe('req_1')
      expect(answer.headers.get('set-cookie')).toBeNull()
      expect(await answer.text()).toBe(stream)
      const [call] = await door.until('model.call')
      expect(call?.detail).toMatchObject({
        inputTokens: tokens[0],
        outputTokens: tokens[1],
        outcome: 'completed',
        status: 200,
      })
    },
  )

  test('the head comes at once, and each piece when the provider sends it', async () => {
    const pieces = Promise.withResolvers<(text: string) => void>()
    const upstream = await openProvider((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.flushHeaders()
      pieces.resolve((text) => (text === '' ? response.end() : response.write(text)))
    })
    const door = await doorTo(upstream)
    const answer = await door.post('/v1/chat/completions', { ...ask, stream: true })
    const send = await pieces.promise
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
    for (const text of ['data: 1\n\n', 'data: 2\n\n']) {
      send(text)
      expect(await reader?.read()).toEqual({ done: false, value: text })
    }
    send('')
    expect((await reader?.read())?.done).toBe(true)
  })

  test.for([
    ['identity', (bytes: Buffer) => bytes],
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ] as const)(
    'an answer (%s) that echoes the key comes without it, whole and in pieces (L07)',
    async ([coding, encode]) => {
      for (const streaming of [false, true]) {
        const text = JSON.stringify({
          choices: [{ message: { content: `ä ${KEY} ö` } }],
          usage: { prompt_tokens: 3, completion_tokens: 4 },
        })
        const upstream = await openProvider(async (_request, response) => {
          const bytes = encode(Buffer.from(text))
          const headers = { 'content-type': 'application/json', 'x-request-id': `r-${KEY}`, 'retry-after': '1' }
          response.writeHead(200, {
            ...headers,
            ...(coding === 'identity' ? {} : { 'content-encoding': coding }),
            ...(streaming ? {} : { 'content-length': bytes.length }),
          })
          for (let at = 0; at < bytes.length; at += 5) {
            response.write(bytes.subarray(at, at + 5))
            await new Promise(setImmediate)
          }
          response.end()
        })
        const door = await doorTo(upstream)
        const answer = await door.post('/v1/chat/completions', ask)
        expect([answer.status, answer.headers.get('retry-after')]).toEqual([200, '1'])
        expect(JSON.stringify([...answer.headers])).not.toContain('key-1234')
        expect(await answer.text()).toBe(text.replace(KEY, '*'.repeat(KEY.length)))
        const [call] = await door.until('model.call')
        expect(call?.detail).toMatchObject({ outcome: 'completed', inputTokens: 3, outputTokens: 4 })
      }
    },
  )

  test('an answer in a coding that nobody can look into is not passed on', async () => {
    const upstream = await openProvider((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'compress' }).end(KEY)
    })
    const door = await doorTo(upstream)
    const answer = await door.post('/v1/chat/completions', ask)
    expect(answer.status).toBe(502)
    expect(await answer.text()).toContain('compressed')
    expect((await door.until('model.call'))[0]?.detail).toMatchObject({ outcome: 'upstream-error' })
  })

  test('a compressed answer that breaks off breaks off', async () => {
    const upstream = await openProvider((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' })
      response.end(gzipSync(Buffer.from('x'.repeat(1000))).subarray(0, 20))
    })
    const door = await doorTo(upstream)
    const answer = await door.post('/v1/chat/completions', ask)
    await expect(answer.text()).rejects.toThrow()
    expect((await door.until('model.call'))[0]?.detail).toMatchObject({ outcome: 'upstream-error' })
  })

  test('a slow reader slows the provider down', async () => {
    const produced = { bytes: 0, before: -1 }
    const ended = new AbortController()
    const upstream = await openProvider(async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.once('close', () => ended.abort())
      const piece = Buffer.alloc(65_536, 'x')
      while (!response.destroyed && produced.bytes < 256 * 1_048_576) {
        produced.bytes += piece.length
        if (!response.write(piece)) await once(response, 'drain', { signal: ended.signal }).catch(() => undefined)
      }
    })
    const door = await doorTo(upstream)
    const controller = new AbortController()
    const answer = await door.post('/v1/chat/completions', ask, {}, controller.signal)
    const reader = answer.body?.getReader()
    await reader?.read()
    const stands = () => {
      const same = produced.before === produced.bytes
      produced.before = produced.bytes
      return same
    }
    await expect.poll(stands, { timeout: 10_000, interval: 200 }).toBe(true)
    expect(produced.bytes).toBeLessThan(64 * 1_048_576)
    controller.abort()
    await door.until('model.call')
  })
})

describe('when it goes wrong', () => {
  test.for([
    ['the whole key', `Incorrect API key provided: ${KEY}.`],
    ['a starred key', `Incorrect API key provided: ${KEY.slice(0, 8)}****************${KEY.slice(-4)}.`],
    ['base64', Buffer.from(KEY).toString('base64')],
  ])('an error that echoes %s does not show it (L07)', async ([_what, message]) => {
    for (const status of [400, 401, 403, 500]) {
      const upstream = await openProvider((_request, response) =>
        json(response, status, { error: { message } }, { 'x-request-id': KEY }),
      )
      const door = await doorTo(upstream)
      const answer = await door.post('/v1/chat/completions', ask)
      const body = await answer.text()
      expect(answer.status).toBe(status)
      expect(JSON.parse(body)).toHaveProperty('error.message')
      const all = body + JSON.stringify([...answer.headers]) + JSON.stringify(await door.until('model.call'))
      for (const part of [KEY, KEY.slice(0, 8), KEY.slice(-4), Buffer.from(KEY).toString('base64').slice(0, 20)])
        expect(all).not.toContain(part)
    }
  })

  test('a rate limit of the provider is passed on with when to come back', async () => {
    const upstream = await openProvider((_request, response) =>
      json(response, 429, { error: { message: 'slow down' } }, { 'retry-after': '7' }),
    )
    const door = await doorTo(upstream)
    const answer = await door.post('/v1/chat/completions', ask)
    expect([answer.status, answer.headers.get('retry-after'), await answer.json()]).toEqual([
      429,
      '7',
      { error: { message: 'slow down' } },
    ])
    expect((await door.until('model.call'))[0]?.detail).toMatchObject({ status: 429, outcome: 'upstream-error' })
  })

  test.for([301, 302, 307, 308])('a redirect (%i) is not followed', async (status) => {
    const upstream = await openProvider((_request, response) => {
      response.writeHead(status, { location: `${upstream.url}/elsewhere` }).end()
    })
    const door = await doorTo(upstream)
    const answer = await door.post('/v1/messages', ask)
    expect([answer.status, answer.headers.get('location')]).toEqual([502, null])
    expect(upstream.seen).toHaveLength(1)
  })

  test("a provider that cannot be reached is 502 in the provider's shape, and recorded", async () => {
    const upstream = await openProvider(() => undefined)
    await upstream.close()
    const door = await openModelDoor({
      providers: [upstream.as('cloudy')],
      assignments: [{ slot: 'cloud', provider: 'cloudy', model: 'm' }],
    })
    open.push(door)
    const answer = await door.post('/v1/messages', ask)
    expect(answer.status).toBe(502)
    expect(await answer.json()).toMatchObject({
      type: 'error',
      error: { type: 'api_error', message: expect.stringContaining('Ask your admin') },
    })
    expect((await door.until('model.call'))[0]?.detail).toMatchObject({
      status: null,
      outcome: 'upstream-error',
      inputTokens: null,
    })
  })

  test('a certificate that Node does not trust is not accepted, and nothing is sent', async () => {
    const tls = await tlsUpstream(['localhost'], (socket) =>
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'),
    )
    const provider = {
      id: 'cloudy',
      kind: 'openai',
      baseUrl: `https://localhost:${tls.port}`,
      place: 'cloud',
      hasKey: true,
    } as const
    const door = await openModelDoor({
      providers: [provider],
      assignments: [{ slot: 'cloud', provider: 'cloudy', model: 'm' }],
    })
    open.push(tls, door)
    const answer = await door.post('/v1/chat/completions', ask)
    expect(answer.status).toBe(502)
    expect(await answer.text()).toContain('certificate was not accepted')
    expect((await door.until('model.call'))[0]?.detail).toMatchObject({ status: null, outcome: 'upstream-error' })
  })

  test('a provider that falls silent is given up after its time', async () => {
    const upstream = await openProvider(() => undefined)
    const door = await doorTo(upstream, 'openai', { timeouts: { connectMs: 1000, silenceMs: 300 } })
    const answer = await door.post('/v1/chat/completions', ask)
    expect(answer.status).toBe(502)
    expect(await answer.text()).toContain('did not answer in time')
  })

  test('a provider that breaks off in the middle breaks the answer off: no half answer looks whole', async () => {
    const upstream = await openProvider((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n', () => response.socket?.destroy())
    })
    const door = await doorTo(upstream)
    const answer = await door.post('/v1/chat/completions', ask)
    await expect(answer.text()).rejects.toThrow()
    expect((await door.until('model.call'))[0]?.detail).toMatchObject({ status: 200, outcome: 'upstream-error' })
  })

  test('the client goes away: the provider is let go, and it is recorded once (L11)', async () => {
    const gone = Promise.withResolvers<void>()
    const upstream = await openProvider((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: {"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n')
      response.once('close', gone.resolve)
    })
    const door = await doorTo(upstream)
    const controller = new AbortController()
    const answer = await door.post('/v1/chat/completions', ask, {}, controller.signal)
    await answer.body?.getReader().read()
    controller.abort()
    await gone.promise
    await door.until('model.call')
    expect(door.events.map(({ kind }) => kind)).toEqual(['model.request', 'model.call'])
    expect(door.events[1]?.detail).toMatchObject({ outcome: 'client-closed', inputTokens: 1, outputTokens: 2 })
  })
})

test('the list of models is the alias, for clients of either provider', async () => {
  const door = await openModelDoor()
  open.push(door)
  const answer = await fetch(`${door.url}/v1/models`)
  expect(await answer.json()).toMatchObject({
    object: 'list',
    data: [{ id: 'backlot/default', object: 'model', type: 'model' }],
  })
})
