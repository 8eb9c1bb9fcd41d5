/** Plain HTTP through the proxy, raw bytes on both sides. */
import { describe, expect, test } from 'vitest'
import { keptForOneTest } from '../../../support/kept.ts'
import { rawUpstream } from './world/upstream.ts'
import { createWorld, PUBLIC, rule } from './world/world.ts'

const keep = keptForOneTest()

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** An upstream that writes down what it got and answers `answer` to the first bytes of each connection. */
async function setUp(answer: string | Buffer = OK) {
  const seen: string[] = []
  const upstream = keep(
    await rawUpstream((socket) => {
      const at = seen.push('') - 1
      socket.on('data', (chunk: Buffer) => {
        if (seen[at] === '') socket.write(answer)
        seen[at] += chunk.toString('latin1')
      })
      socket.on('end', () => socket.end())
    }),
  )
  const world = keep(
    await createWorld({
      rules: [
        rule({ host: 'example.com', protocol: 'http' }),
        rule({ id: 'test/read', host: 'read.example', protocol: 'http', methods: ['GET', 'HEAD'] }),
      ],
      answers: { 'example.com': [[PUBLIC]], 'read.example': [[PUBLIC]] },
      network: { '*': upstream.port },
    }),
  )
  return { seen, upstream, world }
}

const request = (first: string, ...fields: string[]) =>
  [first, 'Host: example.com', 'Connection: close', ...fields, '', ''].join('\r\n')
const GET = 'GET http://example.com/a HTTP/1.1'
const POST = 'POST http://example.com/a HTTP/1.1'

describe('refused, once, and nobody is asked or dialled', () => {
  test.each<[string, string, string, number]>([
    [
      'H01 both lengths',
      `${request(POST, 'Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
      'framing-ambiguous',
      400,
    ],
    [
      'H01 both lengths, the other way round',
      `${request(POST, 'Transfer-Encoding: chunked', 'Content-Length: 5')}0\r\n\r\n`,
      'framing-ambiguous',
      400,
    ],
    ['H01 two lengths', `${request(POST, 'Content-Length: 5', 'Content-Length: 6')}hello`, 'framing-ambiguous', 400],
    ['H01 two lengths in one', `${request(POST, 'Content-Length: 5, 5')}hello`, 'framing-ambiguous', 400],
    ['H01 a negative length', request(POST, 'Content-Length: -1'), 'framing-ambiguous', 400],
    ['H01 a length with a sign', `${request(POST, 'Content-Length: +5')}hello`, 'framing-ambiguous', 400],
    ['H01 a length in hexadecimal', `${request(POST, 'Content-Length: 0x5')}hello`, 'framing-ambiguous', 400],
    ['H01 an unknown coding', `${request(POST, 'Transfer-Encoding: xchunked')}0\r\n\r\n`, 'framing-ambiguous', 400],
    [
      'H01 chunked and then another',
      `${request(POST, 'Transfer-Encoding: chunked, identity')}0\r\n\r\n`,
      'framing-ambiguous',
      400,
    ],
    [
      'H01 chunked twice',
      `${request(POST, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
      'framing-ambiguous',
      400,
    ],
    [
      'H01 gzip and then chunked',
      `${request(POST, 'Transfer-Encoding: gzip, chunked')}0\r\n\r\n`,
      'framing-ambiguous',
      400,
    ],
    [
      'H01 chunked in HTTP/1.0',
      `${request('POST http://example.com/a HTTP/1.0', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
      'framing-ambiguous',
      400,
    ],
    [
      'H01 a space before the colon',
      `${request(POST, 'Transfer-Encoding : chunked')}0\r\n\r\n`,
      'malformed-request',
      400,
    ],
    [
      'H01 a vertical tab in the coding',
      `${request(POST, 'Transfer-Encoding: \vchunked')}0\r\n\r\n`,
      'malformed-request',
      400,
    ],
    ['H01 a folded field', `${request(POST, 'Transfer-Encoding:\r\n chunked')}0\r\n\r\n`, 'malformed-request', 400],
    ['H05 a folded field', request(GET, 'X-A: b\r\n c'), 'malformed-request', 400],
    ['H05 Host twice', request(GET, 'Host: evil.com'), 'host-header-repeated', 400],
    ['H05 the same Host twice', request(GET, 'Host: example.com'), 'host-header-repeated', 400],
    ['H05 Host in two spellings', request(GET, 'hOST: evil.com'), 'host-header-repeated', 400],
    ['H05 no Host', 'GET http://example.com/a HTTP/1.1\r\nConnection: close\r\n\r\n', 'host-header-missing', 400],
    ['H05 a field without a name', request(GET, ': x'), 'malformed-request', 400],
    ['H05 a NUL in a field', request(GET, 'X-A: b\0c'), 'malformed-request', 400],
    ['H05 a bare CR in a field', request(GET, 'X-A: b\rX-B: c'), 'malformed-request', 400],
    [
      'H05 a bare LF between fields',
      'GET http://example.com/a HTTP/1.1\r\nHost: example.com\nX-A: b\r\n\r\n',
      'malformed-request',
      400,
    ],
    [
      'H06 h2c',
      request(GET, 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk').replace(
        'Connection: close\r\n',
        '',
      ),
      'upgrade-not-allowed',
      403,
    ],
    ['H06 prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'http2-preface', 400],
    [
      'H07 WebSocket',
      request(GET, 'Connection: Upgrade', 'Upgrade: websocket').replace('Connection: close\r\n', ''),
      'upgrade-not-allowed',
      403,
    ],
    ['H09 a method in lower case', request('get http://example.com/a HTTP/1.1'), 'not-http', 400],
    ['H09 TRACE', request('TRACE http://example.com/a HTTP/1.1'), 'method-not-allowed', 403],
    ['H09 PROPFIND', request('PROPFIND http://example.com/a HTTP/1.1'), 'method-not-allowed', 403],
    [
      'H09 a method that the rule does not name',
      request('DELETE http://read.example/a HTTP/1.1'),
      'method-not-allowed',
      403,
    ],
    ['H13 a header of 64 kB', request(GET, `X-A: ${'x'.repeat(65_536)}`), 'header-too-large', 431],
    [
      'H13 a thousand fields, 40 kB',
      request(GET, ...Array.from({ length: 1000 }, (_, n) => `X-${n}: ${'x'.repeat(32)}`)),
      'header-too-large',
      431,
    ],
    [
      'H13 twelve thousand tiny fields',
      request(GET, ...Array.from({ length: 12_000 }, () => 'a:b')),
      'header-too-large',
      431,
    ],
    [
      'H13 a target of 40 kB',
      request(`GET http://example.com/${'x'.repeat(40_000)} HTTP/1.1`),
      'header-too-large',
      431,
    ],
    [
      'H13 CONNECT with 64 kB',
      request('CONNECT example.com:443 HTTP/1.1', `X-A: ${'x'.repeat(65_536)}`),
      'header-too-large',
      431,
    ],
    ['H19 another expectation', request(POST, 'Expect: 200-ok', 'Content-Length: 0'), 'expectation-unknown', 417],
    ['HTTP/0.9', 'GET http://example.com/a\r\n\r\n', 'malformed-request', 400],
    ['HTTP/2.0', request('GET http://example.com/a HTTP/2.0'), 'malformed-request', 400],
    ['TLS on the plain port', `\x16\x03\x01\x02\x00\x01\x00\x01\xfc${'x'.repeat(512)}`, 'not-http', 400],
    ['SSH', 'SSH-2.0-OpenSSH_9.9\r\n', 'not-http', 400],
  ])('%s', async (_what, bytes, reason, status) => {
    const { world, upstream } = await setUp()
    const answer = await world.raw(Buffer.from(bytes, 'latin1'))
    expect(world.denials()).toMatchObject([{ reason }])
    expect(world.order).toEqual(['audit:egress.request:deny'])
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(answer.match(/HTTP\/1\.1 \d/g)).toHaveLength(1)
    expect(upstream.connections()).toBe(0)
  })
})

describe('what is sent on', () => {
  const fieldsOf = (text = '') => text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n').slice(1)

  test('H02 the decision and the upstream’s Host both come from the URI', async () => {
    const { seen, world } = await setUp()
    expect(await world.raw(`${GET}\r\nHost: evil.com\r\nConnection: close\r\n\r\n`)).toMatch(/^HTTP\/1.1 200/)
    expect(seen[0]).toBe('GET /a HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n')
    expect(world.events[0]).toMatchObject({ detail: { host: 'example.com' } })
  })

  test.each<[string, string[], string[]]>([
    [
      'H03 hop-by-hop fields',
      ['Keep-Alive: timeout=5', 'TE: trailers', 'Trailer: x', 'Proxy-Connection: keep-alive', 'Upgrade: h3'],
      [],
    ],
    [
      'H04 fields that Connection lists',
      ['Connection: Authorization, X-Secret', 'Authorization: Basic eDp5', 'x-secret: 1', 'X-Kept: 1'],
      ['X-Kept: 1'],
    ],
    ['H09 method overrides', ['X-HTTP-Method-Override: DELETE', 'X-HTTP-Method: PUT', 'X-Method-Override: PATCH'], []],
    [
      'H09 method overrides in other spellings that servers take for the same',
      [
        'X_HTTP_Method_Override: DELETE',
        'x-http_method-OVERRIDE: PUT',
        'X.HTTP.Method.Override: PUT',
        'X_Method_Override: PUT',
      ],
      [],
    ],
    [
      'H09 another path or host for the server behind',
      [
        ...['X-Original-URL: /admin', 'X-Rewrite-URL: /admin', 'x_original_url: /admin', 'X_REWRITE-URL: /admin'],
        ...[
          'X-Original-URI: /admin',
          'X-Original-Host: evil.com',
          'X-Host: evil.com',
          'X-HTTP-Host-Override: evil.com',
        ],
      ],
      [],
    ],
    [
      'H09 fields that only resemble these',
      ['X-Original: 1', 'X-Rewrite: 1', 'X-Original-URL-Kept: 1', 'X-HTTP: 1', 'Url: 1'],
      ['X-Original: 1', 'X-Rewrite: 1', 'X-Original-URL-Kept: 1', 'X-HTTP: 1', 'Url: 1'],
    ],
    [
      'H18 and H03 with underscores',
      [
        'X_Forwarded_For: 127.0.0.1',
        'X_Sandbox_Id: other',
        'Transfer_Encoding: chunked',
        'Content_Length: 5',
        'Proxy_Authorization: x',
      ],
      [],
    ],
    [
      'H18 who the caller says it is',
      [
        'X-Sandbox-Id: other',
        'X-Backlot-Person: pe_x',
        'X-Forwarded-For: 127.0.0.1',
        'X-Forwarded-Host: evil.com',
        'Forwarded: for=1',
        'X-Real-IP: 127.0.0.1',
        'Proxy-Authorization: Basic eDp5',
        'Via: 1.1 x',
      ],
      [],
    ],
    [
      'fields of its own, in order and spelling',
      ['X-b: 2', 'x-A: 1', 'Cookie: a=b', 'Cookie: c=d', 'Authorization: Bearer x'],
      ['X-b: 2', 'x-A: 1', 'Cookie: a=b', 'Cookie: c=d', 'Authorization: Bearer x'],
    ],
  ])('%s', async (_what, fields, kept) => {
    const { seen, world } = await setUp()
    expect(await world.raw(request(GET, ...fields))).toMatch(/^HTTP\/1.1 200/)
    expect(fieldsOf(seen[0])).toEqual([...kept, 'Host: example.com', 'Connection: close'])
  })

  test('H04 a Connection that lists Content-Length does not unframe the body', async () => {
    const { seen, world } = await setUp()
    await world.raw(`${request(POST, 'Connection: Content-Length, Host', 'Content-Length: 5')}hello`)
    expect(seen[0]).toMatch(/\r\nContent-Length: 5\r\n[\s\S]*\r\n\r\nhello$/)
  })

  test('H04 fields that the upstream’s Connection lists do not reach the sandbox', async () => {
    const { world } = await setUp(
      'HTTP/1.1 200 OK\r\nConnection: close, X-Inner\r\nX-Inner: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok',
    )
    const answer = await world.raw(request(GET))
    expect(answer).toContain('X-Kept: 1')
    expect(answer).not.toMatch(/x-inner|proxy-authenticate|timeout=5/i)
  })

  test('H20 each request has a connection of its own, even on one kept-alive client connection', async () => {
    const { upstream, world } = await setUp()
    const two = `${GET}\r\nHost: example.com\r\n\r\n${request('GET http://example.com/b HTTP/1.1')}`
    expect((await world.raw(two)).match(/HTTP\/1.1 200/g)).toHaveLength(2)
    expect(upstream.connections()).toBe(2)
    await world.until((events) => events.length === 4)
    expect(new Set(world.events.map(({ correlation }) => correlation)).size).toBe(2)
  })
})

describe('the query', () => {
  test('A14 goes up as it came, and into the log capped, without its secrets, and never into the decision', async () => {
    const { seen, world } = await setUp()
    const query = `q=tides&access_token=Hunter2&k=ghp_abcdefghij0123456789abcdefghij012345&long=${'y-'.repeat(1_000)}`
    await world.raw(request(`GET http://example.com/a?${query} HTTP/1.1`))
    await world.until((events) => events.length === 2)
    expect(seen[0]?.split(' ')[1]).toBe(`/a?${query}`)
    for (const { kind, detail } of world.events) {
      const shown = 'query' in detail ? detail.query : undefined
      expect(shown, kind).toMatch(/^q=tides&access_token=\[masked\]&k=\[masked\]&long=y-y-/)
      expect(shown?.length).toBeLessThanOrEqual(1_024)
      expect('path' in detail && detail.path).toBe('/a')
    }
    expect(JSON.stringify(world.events)).not.toMatch(/Hunter2|ghp_/)
  })

  test.each<[string, string, Record<string, unknown>]>([
    ['of a refused request', 'GET http://evil.example/a?x=1&sig=abc HTTP/1.1', { query: 'x=1&sig=[masked]' }],
    ['that is empty', 'GET http://evil.example/a? HTTP/1.1', { query: '' }],
    [
      'that holds line breaks and controls',
      'GET http://evil.example/?a%0d%0ab=%1b%5b31m HTTP/1.1',
      { query: 'a%0d%0ab=%1b%5b31m' },
    ],
    ['that is not there', 'GET http://evil.example/a HTTP/1.1', {}],
  ])('A14 %s', async (_what, first, expected) => {
    const { world } = await setUp()
    await world.raw(request(first))
    const [event] = world.denials()
    const detail = event && 'host' in event.detail ? event.detail : {}
    expect('query' in detail ? { query: detail.query } : {}).toEqual(expected)
  })
})
