import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect as dial } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'
import { errorBody } from '../../../../api/contract/errors.ts'
import { startServer, type TestServer } from '../../../support/server/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.close())

/** fetch would not let us choose Host, or a broken content type. */
function raw(
  path: string,
  { method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: string },
) {
  const { hostname, port } = new URL(server.origin)
  return new Promise<{ status: number; headers: IncomingHttpHeaders; text: string }>((resolve, reject) => {
    const request = httpRequest({ hostname, port, path, method, headers }, (response) => {
      const pieces: Buffer[] = []
      response.on('data', (piece) => pieces.push(piece))
      const { statusCode: status = 0, headers: answered } = response
      response.on('end', () => resolve({ status, headers: answered, text: Buffer.concat(pieces).toString() }))
    })
    request.on('error', reject)
    request.end(body)
  })
}
const port = () => new URL(server.origin).port

describe('health', () => {
  test('it is alive, and ready when every part answers', async () => {
    expect((await server.ask('/healthz')).json).toEqual({ ok: true })
    expect(await server.ask('/readyz')).toMatchObject({ status: 200, json: { ready: true, reasons: [] } })
  })

  test('it is not ready, and says why, when the gateway cannot record', async () => {
    const reason = 'The audit log cannot be written.'
    server.peers.wishes.gateway = ({ path }) =>
      path === '/healthz' ? { body: { ok: false, audit: false, reason } } : undefined
    expect(await server.ask('/readyz')).toMatchObject({ status: 503, json: { ready: false, reasons: [reason] } })
    server.peers.wishes.gateway = () => undefined
  })
})

describe('errors', () => {
  test.each([
    ['an unknown route', 'GET', '/api/v1/nope', {}, undefined, 404, 'not_found'],
    ['nobody signed in', 'GET', '/api/v1/me', {}, undefined, 401, 'unauthenticated'],
    [
      'a body that is not JSON',
      'POST',
      '/api/v1/sessions',
      { 'content-type': 'application/json' },
      '{"token":',
      400,
      'invalid_request',
    ],
    ['an empty body', 'POST', '/api/v1/sessions', { 'content-type': 'application/json' }, '', 400, 'invalid_request'],
    ['no body at all', 'POST', '/api/v1/sessions', {}, undefined, 400, 'invalid_request'],
    [
      'an unknown field',
      'POST',
      '/api/v1/sessions',
      { 'content-type': 'application/json' },
      '{"token":"aaaaaaaaaaaaaaaaaaaaaaaa","extra":1}',
      400,
      'invalid_request',
    ],
    [
      '__proto__ as a field',
      'POST',
      '/api/v1/sessions',
      { 'content-type': 'application/json' },
      '{"__proto__":{"token":"aaaaaaaaaaaaaaaaaaaaaaaa"}}',
      400,
      'invalid_request',
    ],
    [
      'a body of another type',
      'POST',
      '/api/v1/sessions',
      { 'content-type': 'application/xml' },
      '<a/>',
      415,
      'unsupported_media_type',
    ],
    [
      'a body that is too large',
      'POST',
      '/api/v1/sessions',
      { 'content-type': 'application/json' },
      JSON.stringify({ token: 'a'.repeat(5000) }),
      413,
      'too_large',
    ],
    ['an address that cannot be decoded', 'GET', '/api/v1/%zz', {}, undefined, 400, 'invalid_request'],
  ])('%s', async (_what, method, path, headers, body, status, code) => {
    const answer = await raw(path, { method, headers, ...(body === undefined ? {} : { body }) })
    expect(answer.status).toBe(status)
    const { error } = errorBody.parse(JSON.parse(answer.text))
    expect(error.code).toBe(code)
    expect(error.requestId).toMatch(/^[0-9a-f-]{36}$/)
    expect(error.message.length).toBeGreaterThan(5)
  })

  test('what is not HTTP gets an error of the same shape', async () => {
    const text = await new Promise<string>((resolve) => {
      const socket = dial(Number(port()), '127.0.0.1', () => socket.write('GARBAGE\r\n\r\n'))
      const pieces: string[] = []
      socket.on('data', (piece) => pieces.push(piece.toString()))
      socket.on('close', () => resolve(pieces.join('')))
    })
    expect(text).toMatch(/^HTTP\/1\.1 400 /)
    expect(errorBody.parse(JSON.parse(text.split('\r\n\r\n')[1] ?? '')).error.code).toBe('invalid_request')
  })

  test.each<[string, string, unknown, string]>([
    [
      'POST',
      '/api/v1/prototypes',
      { title: 'T', hypothesis: 'x'.repeat(2001) },
      'hypothesis: must be at most 2000 characters',
    ],
    ['POST', '/api/v1/prototypes', {}, 'title: is missing'],
    ['POST', '/api/v1/prototypes', { title: 7 }, 'title: must be text'],
    [
      'POST',
      '/api/v1/prototypes',
      { title: 'T', label: 'secret' },
      'label: must be one of public, internal, confidential, restricted',
    ],
    ['POST', '/api/v1/prototypes', { title: 'T', owner: 'me' }, 'owner: there is no such field'],
    ['POST', '/api/v1/prototypes', { title: 7, hypothesis: 8 }, 'title: must be text · hypothesis: must be text'],
    ['POST', '/api/v1/prototypes', [], 'the body: must be an object'],
    ['POST', '/api/v1/prototypes', 'null', 'the body: must be an object'],
    ['POST', '/api/v1/prototypes', undefined, 'the body: '],
    ['GET', '/api/v1/prototypes?limit=many', undefined, 'limit: must be a number'],
    // Unions: what is wrong with the form that was meant.
    ['POST', '/api/v1/sessions', { token: 'short' }, 'token: must be at least 20 characters'],
    ['POST', '/api/v1/sessions', { token: 'a'.repeat(30), extra: 1 }, 'extra: there is no such field'],
    ['POST', '/api/v1/sessions', { email: 'a@b.example' }, 'password: is missing'],
    ['POST', '/api/v1/sessions', { email: 'a@b.example', password: 5 }, 'password: must be text'],
    ['POST', '/api/v1/sessions', {}, 'token: is missing'],
    ['POST', '/api/v1/sessions', 5, 'the body: must be an object'],
    ['PUT', '/api/v1/models/assignments/cloud', { provider: 'demo' }, 'model: is missing'],
    [
      'PUT',
      '/api/v1/models/assignments/cloud',
      { provider: null, model: null, more: 1 },
      'more: there is no such field',
    ],
    ['PUT', '/api/v1/models/assignments/both', { provider: 'demo', model: 'x' }, 'slot: must be one of cloud, local'],
    ['POST', '/api/v1/kill', { scope: 'all' }, 'scope: must be one of sandbox, person, everything'],
    ['POST', '/api/v1/kill', { scope: 'person', id: 'me' }, 'id: must be of the form ^pe_'],
    ['POST', '/api/v1/sandboxes/<sandbox>/exec', { argv: ['a', 5] }, 'argv.1: must be text'],
    ['POST', '/api/v1/people', { email: 'nobody', name: 'N', roles: [] }, 'email: '],
  ])('%s %s %j names what is wrong', async (method, path, body, message) => {
    const person = await server.personWith('pm', 'admin', 'security')
    const id = path.includes('<sandbox>') ? (await prototypeOf(person)).view.sandbox.id : ''
    const asked = { method, ...(body === undefined ? {} : { body: typeof body === 'number' ? `${body}` : body }) }
    const { status, json } = await person.ask(path.replace('<sandbox>', id), asked)
    const { error } = errorBody.parse(json)
    expect({ status, code: error.code }).toEqual({ status: 400, code: 'invalid_request' })
    expect(error.message.slice(0, message.length)).toBe(message)
    expect(error.message).not.toContain('Invalid input')
  })

  test('a field that is wrong is named', async () => {
    const person = await server.personWith('pm')
    const { json } = await person.ask('/api/v1/prototypes', { method: 'POST', body: { title: '' } })
    expect(errorBody.parse(json).error.message).toBe('title: Give the prototype a title.')
  })
})

describe('text that a database, a log or a screen cannot hold is refused by name, whoever sends it', () => {
  const policy = (description: string) =>
    `policy: odd\ndescription: ${description}\ntools: { allow: [] }\nsandbox: {}\negress: []\nmodels: { default: {} }\n`
  test.each([
    ['POST', '/api/v1/prototypes', { title: 'a\0b' }, 'title'],
    ['POST', '/api/v1/prototypes', { title: 'a\u001b[2Jb' }, 'title'],
    ['POST', '/api/v1/prototypes', { title: 'two\nlines' }, 'title'],
    ['POST', '/api/v1/prototypes', { title: 'gnp.\u202eexe' }, 'title'],
    ['POST', '/api/v1/prototypes', '{"title":"half \\ud800"}', 'title'],
    ['POST', '/api/v1/prototypes', { title: 'T', hypothesis: 'a\0b' }, 'hypothesis'],
    ['POST', '/api/v1/prototypes', { title: 'Kiosk\u{e0068}\u{e0069}' }, 'title'],
    ['POST', '/api/v1/prototypes', { title: 'T', hypothesis: 'a\u200bb' }, 'hypothesis'],
    ['PATCH', '/api/v1/me', { name: '\u3164' }, 'name'],
    ['POST', '/api/v1/tokens', { name: 'a\u2060b' }, 'name'],
    ['POST', '/api/v1/policies/odd/publish', { yaml: policy('a\u{e0061}b') }, 'line 2'],
    ['POST', '/api/v1/policies/odd/publish', { yaml: policy('"a\\u200bb"') }, 'line 2'],
    ['POST', '/api/v1/policies/odd/publish', { yaml: `${policy('x')}# a\u200bb` }, 'line 7'],
    ['PATCH', '/api/v1/me', { name: 'a\0b' }, 'name'],
    ['POST', '/api/v1/people', { email: 'odd@example.org', name: 'a\u009bb', roles: ['pm'] }, 'name'],
    ['POST', '/api/v1/tokens', { name: 'a\0b' }, 'name'],
    ['PUT', '/api/v1/models/assignments/cloud', { provider: 'demo', model: 'a\0b' }, 'model'],
    ['POST', '/api/v1/sandboxes/<sandbox>/exec', { argv: ['a', 'a\0b'] }, 'argv.1'],
    ['POST', '/api/v1/sandboxes/<sandbox>/exec', { argv: ['a'], cwd: '/a\0b' }, 'cwd'],
    ['POST', '/api/v1/policies/odd/publish', { yaml: policy('"a\\0b"') }, 'line 2'],
    ['POST', '/api/v1/policies/odd/publish', { yaml: `${policy('x')}# \0` }, 'line 7'],
  ])('%s %s %j', async (method, path, body, field) => {
    const person = await server.personWith('pm', 'admin')
    const id = path.includes('<sandbox>') ? (await prototypeOf(person)).view.sandbox.id : ''
    const { status, json } = await person.ask(path.replace('<sandbox>', id), { method, body })
    expect(errorBody.parse(json).error.message).toContain(field)
    expect([400, 422]).toContain(status)
  })

  test('emoji, other scripts, and paragraphs where they belong, are taken', async () => {
    const person = await server.personWith('pm')
    const body = { title: '👩‍🎨 прототип שלום — “ok”', hypothesis: 'One.\r\n\tTwo.\n' }
    expect((await person.ask('/api/v1/prototypes', { method: 'POST', body })).status).toBe(201)
  })

  test.each(['9007199254740991.pr_aaaaaaaaaaaaaaaa', '8640000000000001.pr_aaaaaaaaaaaaaaaa', '-1.pr_aaaaaaaaaaaaaaaa'])(
    'a cursor that is no place: %s',
    async (place) => {
      const person = await server.personWith('pm')
      const cursor = Buffer.from(place).toString('base64url')
      expect((await person.ask(`/api/v1/prototypes?cursor=${cursor}`)).status).toBe(400)
    },
  )
})

describe('another spelling of an API address', () => {
  test.each([
    ['/%61pi/v1/me', 403],
    ['/a%70i/v1/%6de', 403],
    ['http://127.0.0.1:<port>/api/v1/me', 403],
    ['http://elsewhere.example/api/v1/me', 400],
  ])('%s is as private as the usual one', async (spelled, status) => {
    const path = spelled.replace('<port>', port())
    const { cookie } = await server.personWith('pm')
    const usual = await raw(path, { headers: { cookie } })
    expect(usual.headers['cache-control']).toBe('no-store')
    const navigated = { cookie, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }
    expect((await raw(path, { headers: navigated })).status).toBe(status)
  })
})

test('a body that never ends is not waited for for ever', () => {
  expect(server.app.server.requestTimeout).toBeGreaterThan(0)
  expect(server.app.server.requestTimeout).toBeLessThanOrEqual(120_000)
})

describe('content types (U03): no handler sees a body that was not validated', () => {
  test.each([
    ['application/json\t;x'],
    [' application/json'],
    ['application/json;'],
    ['APPLICATION/JSON ;'],
    ['application/json; charset=utf-8; boundary=x'],
    ['application/x-www-form-urlencoded'],
    ['text/plain'],
    ['multipart/form-data; boundary=x'],
    ['application/jsonx'],
    ['application/json,text/plain'],
    [''],
  ])('%j', async (type) => {
    const person = await server.personWith('pm')
    const headers = { cookie: person.cookie, origin: server.origin, ...(type === '' ? {} : { 'content-type': type }) }
    const before = await server.db.selectFrom('prototypes').select('id').execute()
    const { status } = await raw('/api/v1/prototypes', { method: 'POST', headers, body: '{"title":{"not":"text"}}' })
    expect([400, 415]).toContain(status)
    expect(await server.db.selectFrom('prototypes').select('id').execute()).toEqual(before)
  })
})

describe('origins', () => {
  const change = (cookie: string, headers: Record<string, string>) =>
    raw('/api/v1/me', {
      method: 'PATCH',
      headers: { cookie, 'content-type': 'application/json', ...headers },
      body: '{"name":"Changed"}',
    })

  test.each([
    ['https://evil.example'],
    ['null'],
    [''],
    ['http://127.0.0.1.evil.example'],
    ['http://evil.example@127.0.0.1'],
    ['http://127.0.0.1:1'],
    ['https://127.0.0.1:<port>'],
    ['http://localhost:<port>'],
    ['http://127.0.0.1:<port>/'],
    ['HTTP://127.0.0.1:<port>'],
  ])('a change with the cookie from %j is refused (U02)', async (origin) => {
    const person = await server.personWith('pm')
    const answer = await change(person.cookie, { origin: origin.replace('<port>', port()) })
    expect(answer.status).toBe(403)
    expect(errorBody.parse(JSON.parse(answer.text)).error.code).toBe('origin_refused')
  })

  test.each([
    ['neither Origin nor Sec-Fetch-Site: a script', {}, 200],
    ['Sec-Fetch-Site: same-origin alone', { 'sec-fetch-site': 'same-origin' }, 200],
    ['Sec-Fetch-Site: none alone', { 'sec-fetch-site': 'none' }, 403],
    ['Sec-Fetch-Site: same-site alone', { 'sec-fetch-site': 'same-site' }, 403],
    ['Sec-Fetch-Site: cross-site alone', { 'sec-fetch-site': 'cross-site' }, 403],
    ['a navigation from elsewhere', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 403],
  ])('a change with the cookie and %s: %#', async (_what, headers, status) => {
    const person = await server.personWith('pm')
    expect((await change(person.cookie, headers)).status).toBe(status)
  })

  test('a change from our own page works, and so does a token without any origin', async () => {
    const person = await server.personWith('pm')
    expect((await change(person.cookie, { origin: server.origin })).status).toBe(200)
    const { json } = await person.ask('/api/v1/tokens', { method: 'POST', body: { name: 'script' } })
    const { token } = z.object({ token: z.string() }).parse(json)
    const bearer = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    expect((await raw('/api/v1/me', { method: 'PATCH', headers: bearer, body: '{"name":"By script"}' })).status).toBe(
      200,
    )
    expect(
      (
        await raw('/api/v1/me', {
          method: 'PATCH',
          headers: { ...bearer, origin: 'https://evil.example' },
          body: '{"name":"x"}',
        })
      ).status,
    ).toBe(403)
  })

  test.each([['cross-site'], ['same-site'], ['nonsense']])(
    'a read that the browser calls %s is refused',
    async (site) => {
      const person = await server.personWith('pm')
      expect((await raw('/api/v1/me', { headers: { cookie: person.cookie, 'sec-fetch-site': site } })).status).toBe(403)
    },
  )

  test('signing in from another page is refused: nobody is signed in as somebody else', async () => {
    const headers = { origin: 'https://evil.example', 'content-type': 'application/json' }
    expect(
      (await raw('/api/v1/sessions', { method: 'POST', headers, body: '{"email":"a@b.example","password":"x"}' }))
        .status,
    ).toBe(403)
  })

  test('a link from another site opens the page', async () => {
    const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }
    expect((await raw('/prototypes', { headers })).status).not.toBe(403)
    expect((await raw('/api/v1/me', { headers })).status).toBe(403)
  })

  test.each([
    ['evil.example', 403],
    ['evil.example:<port>', 403],
    ['127.0.0.1', 403],
    ['localhost:1', 403],
    ['127.0.0.1:<port>', 200],
    ['localhost:<port>', 200],
    ['LOCALHOST:<port>', 200],
  ])('a request for the host %s: %i', async (host, status) => {
    expect((await raw('/healthz', { headers: { host: host.replace('<port>', port()) } })).status).toBe(status)
  })

  /** Sends these lines as they are; resolves with the status line's code. */
  function rawStatus(lines: string[]): Promise<number> {
    return new Promise((resolve, reject) => {
      const socket = dial({ host: '127.0.0.1', port: Number(port()) })
      const text = lines.join('\r\n').replaceAll('<port>', port())
      let answer = ''
      socket.on('connect', () => socket.write(`${text}\r\nConnection: close\r\n\r\n`))
      socket.on('data', (piece) => {
        answer += piece.toString()
      })
      socket.on('end', () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])))
      socket.on('error', reject)
    })
  }
  const OWN = 'Host: 127.0.0.1:<port>'
  test.each([
    ['one Host', ['GET /healthz HTTP/1.1', OWN], 200],
    ['the same Host twice', ['GET /healthz HTTP/1.1', OWN, OWN], 400],
    ['a foreign Host after ours', ['GET /healthz HTTP/1.1', OWN, 'Host: evil.example'], 400],
    ['a foreign Host before ours', ['GET /healthz HTTP/1.1', 'hOsT: evil.example', OWN], 400],
    ['two on an unknown route', ['GET /api/v1/nope HTTP/1.1', OWN, 'HOST: evil.example'], 400],
    ['our own absolute form', ['GET http://127.0.0.1:<port>/healthz HTTP/1.1', OWN], 200],
    ['our own in capitals', ['GET HTTP://LOCALHOST:<port>/healthz HTTP/1.1', 'Host: localhost:<port>'], 200],
    ['a foreign absolute form', ['GET http://evil.example/healthz HTTP/1.1', OWN], 400],
    ['another name of ours than Host says', ['GET http://localhost:<port>/healthz HTTP/1.1', OWN], 400],
    ['a foreign port', ['GET http://127.0.0.1:1/healthz HTTP/1.1', OWN], 400],
    ['somebody before our name', ['GET http://a@127.0.0.1:<port>/healthz HTTP/1.1', OWN], 400],
    ['our name before a foreign one', ['GET http://127.0.0.1:<port>@evil.example/healthz HTTP/1.1', OWN], 400],
    ['another scheme', ['GET ftp://127.0.0.1:<port>/healthz HTTP/1.1', OWN], 400],
    ['a foreign absolute form of no route', ['GET http://evil.example/api/v1/nope HTTP/1.1', OWN], 400],
    ['a foreign absolute form of a page', ['GET http://evil.example/ HTTP/1.1', OWN], 400],
  ])('a request that names another host, or two (U14): %s', async (_what, lines, status) => {
    expect(await rawStatus(lines)).toBe(status)
  })

  test('forwarded headers from outside are not believed (U12)', async () => {
    const forwarded = {
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      forwarded: 'for=203.0.113.9',
    }
    const headers = { ...forwarded, 'content-type': 'application/json', origin: server.origin }
    await raw('/api/v1/sessions', { method: 'POST', headers, body: '{"email":"u12@b.example","password":"x"}' })
    const [event] = (await server.events('session.refused')).filter(({ detail }) => detail.email === 'u12@b.example')
    expect(event?.detail.address).toBe('127.0.0.1')
    const origin = { ...forwarded, origin: 'https://evil.example', cookie: (await server.personWith('pm')).cookie }
    expect((await change(origin.cookie, origin)).status).toBe(403)
  })

  test.each([['https://evil.example'], ['null'], [undefined], ['https://127.0.0.1.evil.example']])(
    'a WebSocket with the cookie and the origin %j is refused with 403 (U01)',
    async (origin) => {
      const person = await server.personWith('pm')
      const { view } = await prototypeOf(person)
      const address = `${server.origin.replace('http', 'ws')}/api/v1/sandboxes/${view.sandbox.id}/terminals/main?ticket=x`
      const headers = { cookie: person.cookie, ...(origin === undefined ? {} : { origin }) }
      const status = await new Promise((resolve) => {
        const socket = new WebSocket(address, { headers })
        socket.on('unexpected-response', (_request, response) => resolve(response.statusCode))
        socket.on('open', () => resolve('open'))
        socket.on('error', () => undefined)
      })
      expect(status).toBe(403)
    },
  )
})

async function prototypeOf(person: Awaited<ReturnType<TestServer['personWith']>>) {
  const { json } = await person.ask('/api/v1/prototypes', { method: 'POST', body: { title: 'Sockets' } })
  return { view: z.object({ sandbox: z.object({ id: z.string() }) }).parse(json) }
}

describe('behind a proxy that ends TLS', () => {
  test('its origin counts, the cookie is for TLS only, and links lead there', async () => {
    const other = await startServer({ url: 'https://backlot.example.org' })
    const own = new URL(other.origin).port
    const admin = await other.personWith('admin')
    const cookie = admin.cookie.replace('backlot_session', '__Host-backlot_session')
    const headers = { cookie, origin: 'https://backlot.example.org' }
    const made = await other.ask('/api/v1/people', {
      method: 'POST',
      body: { email: 'a@b.example', name: 'A', roles: ['pm'] },
      headers,
    })
    const link = z.object({ link: z.string() }).parse(made.json).link
    expect(link).toMatch(/^https:\/\/backlot\.example\.org\/sign-in#token=bl_/)
    const signedIn = await other.ask('/api/v1/sessions', {
      method: 'POST',
      body: { token: link.split('token=')[1] },
      headers: { origin: `http://127.0.0.1:${own}` },
    })
    expect(signedIn.headers.getSetCookie()[0]).toMatch(
      /^__Host-backlot_session=bs_[\w-]+; Path=\/; Expires=.*; HttpOnly; Secure; SameSite=Strict$/,
    )
    expect(signedIn.headers.get('strict-transport-security')).toContain('max-age')
    await other.close()
  })
})

describe('what every answer carries', () => {
  test('a policy under which a page runs only our scripts and talks only to us', async () => {
    for (const path of ['/', '/api/v1/me', '/nothing/here', '/api/nope']) {
      const { headers } = await server.ask(path)
      expect(headers.get('content-security-policy')).toBe(
        "default-src 'none';script-src 'self';style-src 'self';style-src-attr 'unsafe-inline';connect-src 'self';img-src 'self' data:;font-src 'self';manifest-src 'self';frame-ancestors 'none';base-uri 'none';form-action 'none'",
      )
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('referrer-policy')).toBe('no-referrer')
      expect(headers.get('access-control-allow-origin')).toBeNull()
      expect(headers.get('x-powered-by')).toBeNull()
    }
    expect((await server.ask('/api/v1/me')).headers.get('cache-control')).toBe('no-store')
  })

  test('OpenAPI describes every route but pages and the WebSocket', async () => {
    const { json } = await server.ask('/api/openapi.json')
    const { paths } = z
      .object({ openapi: z.string(), paths: z.record(z.string(), z.record(z.string(), z.unknown())) })
      .parse(json)
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
    )
    const undescribed = ['/*', '/api/openapi.json', '/api/v1/sandboxes/:id/terminals/:name']
    const routes = server.app.routeTable.filter(
      ({ method, url }) => method === 'DELETE' || (method !== 'HEAD' && !undescribed.includes(url)),
    )
    expect(described.toSorted()).toEqual(routes.map(({ method, url }) => `${method} ${url}`).toSorted())
  })
})
