/** Names and URLs, raw bytes into the sandbox's socket: refused with the reason, logged once, and nothing looked up or dialled. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rawUpstream, type Upstream } from './world/upstream.ts'
import { createWorld, headEnds, PUBLIC, readUntil, rule, type World } from './world/world.ts'

const rules = [
  rule({ host: 'example.com' }),
  rule({ host: '*.example.org' }),
  rule({ host: 'plain.example', protocol: 'http', paths: ['/api/*'] }),
]
const everything = [[PUBLIC]]

let world: World
let upstream: Upstream
beforeAll(async () => {
  upstream = await rawUpstream()
  world = await createWorld({
    rules,
    answers: Object.fromEntries(
      [
        'example.com',
        'example.com.evil.net',
        'evil.com',
        'evil.com.example.org',
        'localhost',
        'db',
        'example.org',
        'plain.example',
      ].map((host) => [host, everything]),
    ),
    network: { '*': upstream.port },
  })
})
afterAll(async () => {
  await world.close()
  await upstream.close()
})

/** Sends it, and gives back the answer and the one event that it left. */
async function refused(bytes: string | Buffer) {
  const before = world.events.length
  world.order.length = 0
  const answer = await world.raw(bytes)
  expect(world.events.slice(before)).toHaveLength(1)
  // Only the refusal: no intent, no look-up, no connection.
  expect(world.order).toEqual(['audit:egress.request:deny'])
  expect(upstream.connections()).toBe(0)
  const event = world.events.at(-1)
  expect(event).toMatchObject({
    kind: 'egress.request',
    decision: 'deny',
    sandbox: world.state.identity?.sandbox,
    person: world.state.identity?.person,
  })
  return { answer, event }
}

const connectTo = (target: string | Buffer) =>
  Buffer.concat([Buffer.from('CONNECT '), Buffer.from(target), Buffer.from(' HTTP/1.1\r\nHost: example.com\r\n\r\n')])
const get = (url: string) => `GET ${url} HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n`

describe('CONNECT', () => {
  test.each<[string, string | Buffer, string, number]>([
    ['N02 allowed as a prefix', 'example.com.evil.net:443', 'no-rule', 403],
    ['N02 allowed as a suffix', 'notexample.com:443', 'no-rule', 403],
    ['N02 the apex of a wildcard', 'example.org:443', 'no-rule', 403],
    ['N04 two trailing dots', 'example.com..:443', 'host-invalid', 403],
    ['N09 percent-encoding', 'exa%6dple.com:443', 'host-invalid', 403],
    ['N10 userinfo', 'example.com:443@evil.com:443', 'host-userinfo', 403],
    ['N11 backslash', 'evil.com\\.example.com:443', 'host-invalid', 403],
    ['N12 brackets', '[example.com]:443', 'host-invalid', 403],
    ['N13 full-width', Buffer.from('ｅxample.com:443'), 'host-non-ascii', 403],
    ['N13 ideographic dot', Buffer.from('example。com:443'), 'host-non-ascii', 403],
    ['N13 Latin-1', Buffer.from('ex\xe4mple.com:443', 'latin1'), 'host-non-ascii', 403],
    ['N17 localhost', 'localhost:443', 'host-single-label', 403],
    ['N17 a single label', 'db:443', 'host-single-label', 403],
    ['N18 no host', ':443', 'host-empty', 400],
    ['N18 no port', 'example.com', 'port-missing', 400],
    ['N19 port 0', 'example.com:0', 'port-invalid', 403],
    ['N19 port 65536', 'example.com:65536', 'port-invalid', 403],
    ['N19 leading zero', 'example.com:0443', 'port-invalid', 403],
    ['N19 letters', 'example.com:443x', 'port-invalid', 403],
    ['N19 negative', 'example.com:-1', 'port-invalid', 403],
    ['N20 SSH', 'example.com:22', 'port-not-allowed', 403],
    ['N20 SMTP', 'example.com:25', 'port-not-allowed', 403],
    ['N20 8443', 'example.com:8443', 'port-not-allowed', 403],
    ['I02 decimal', '2852039166:443', 'host-ip-literal', 403],
    ['I02 hexadecimal', '0xA9FEA9FE:443', 'host-ip-literal', 403],
    ['I02 octal', '0251.0376.0251.0376:443', 'host-ip-literal', 403],
    ['I02 short', '169.254.43518:443', 'host-ip-literal', 403],
    ['I02 IPv4 in IPv6', '[::ffff:169.254.169.254]:443', 'host-ip-literal', 403],
    ['I02 IPv6', '[fd00:ec2::254]:443', 'host-ip-literal', 403],
    ['I02 by name', 'metadata.google.internal:443', 'host-metadata', 403],
    ['I04 zone id', '[fe80::1%25eth0]:443', 'host-ip-literal', 403],
    ['I13 a raw IPv6 address', '[2606:4700::1111]:443', 'host-ip-literal', 403],
    ['a raw address', '1.1.1.1:443', 'host-ip-literal', 403],
    ['a URL', 'http://example.com:443', 'host-invalid', 403],
    ['an HTTP rule', 'plain.example:80', 'protocol-not-allowed', 403],
  ])('%s', async (_what, target, reason, status) => {
    const { answer, event } = await refused(connectTo(target))
    expect(event?.reason).toBe(reason)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} Refused by Backlot \\(${reason}\\)\\r\\n`))
    expect(answer).toContain(`X-Backlot-Reason: ${reason}\r\n`)
  })

  test.each<[string, string]>([
    ['N07 NUL', 'CONNECT evil.com\0.example.org:443 HTTP/1.1\r\nHost: a.example.org\r\n\r\n'],
    ['N08 CRLF', 'CONNECT example.com\r\nX: y:443 HTTP/1.1\r\nHost: example.com\r\n\r\n'],
    ['N08 a bare LF', 'CONNECT example.com\nX: y:443 HTTP/1.1\r\nHost: example.com\r\n\r\n'],
    ['N15 TAB', 'CONNECT ex\tample.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n'],
    ['N15 space', 'CONNECT ex ample.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n'],
    ['N19 a space in the port', 'CONNECT example.com:4 43 HTTP/1.1\r\nHost: example.com\r\n\r\n'],
    ['ESC', 'CONNECT \x1b[31mexample.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n'],
  ])('%s does not parse, and the log keeps it escaped on one line', async (_what, bytes) => {
    const { answer, event } = await refused(bytes)
    expect(answer).toMatch(/^HTTP\/1.1 40[03] /)
    expect(event?.kind === 'egress.request' && event.detail.raw).toMatch(/^CONNECT [\x20-\x7e]+$/)
  })
})

describe('absolute-form', () => {
  test.each<[string, string, string, number]>([
    ['N02 allowed as a prefix', 'http://example.com.evil.net/', 'no-rule', 403],
    ['N09 percent-encoding', 'http://exa%6dple.com/', 'host-invalid', 403],
    ['N10 userinfo', 'http://example.com@evil.com/', 'host-userinfo', 403],
    ['N10 userinfo with a password', 'http://plain.example:pa55@evil.com/', 'host-userinfo', 403],
    ['N10 an @ in the userinfo', 'http://u:p@q@plain.example/api/a', 'host-userinfo', 403],
    ['N11 backslash and @', 'http://evil.com\\@example.com/', 'host-userinfo', 403],
    ['N11 backslash', 'http://evil.com\\.example.com/', 'host-invalid', 403],
    ['N11 backslashes for slashes', 'http:\\\\plain.example/', 'host-empty', 400],
    ['N12 brackets', 'http://[plain.example]/', 'host-invalid', 403],
    ['N17 localhost', 'http://localhost/', 'host-single-label', 403],
    ['N18 no host', 'http:///api/a', 'host-empty', 400],
    ['N19 empty port', 'http://plain.example:/api/a', 'port-invalid', 403],
    ['N19 port 080', 'http://plain.example:080/api/a', 'port-invalid', 403],
    ['N20 another port', 'http://plain.example:8080/api/a', 'port-not-allowed', 403],
    ['N21 file', 'file:///etc/passwd', 'scheme-not-allowed', 403],
    ['N21 ftp', 'ftp://plain.example/', 'scheme-not-allowed', 403],
    ['N21 gopher', 'gopher://plain.example/', 'scheme-not-allowed', 403],
    ['N21 https', 'https://example.com/', 'scheme-not-allowed', 403],
    ['N21 ws', 'ws://plain.example/', 'scheme-not-allowed', 403],
    ['origin-form', '/etc/passwd', 'not-a-proxy-request', 400],
    ['two slashes', '//plain.example/api/a', 'not-a-proxy-request', 400],
    ['a fragment', 'http://plain.example/api/a#@evil.com', 'target-invalid', 400],
    ['a TLS rule', 'http://example.com:443/', 'protocol-not-allowed', 403],
    ['another path', 'http://plain.example/admin', 'path-not-allowed', 403],
    ['no path', 'http://plain.example', 'path-not-allowed', 403],
    ['dot segments', 'http://plain.example/api/../admin', 'path-ambiguous', 403],
    ['encoded dot segments', 'http://plain.example/api/%2e%2e/admin', 'path-ambiguous', 403],
    ['an encoded slash', 'http://plain.example/api%2f..%2fadmin', 'path-ambiguous', 403],
    ['encoded twice', 'http://plain.example/api/%252e%252e/admin', 'path-ambiguous', 403],
    ['a path parameter', 'http://plain.example/api/..;/admin', 'path-ambiguous', 403],
  ])('%s', async (_what, url, reason, status) => {
    const { answer, event } = await refused(get(url))
    expect(event?.reason).toBe(reason)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(answer).toMatch(new RegExp(`x-backlot-reason: ${reason}\r\n`, 'i'))
  })
})

test.each([
  ['N04 a trailing dot', 'example.com.:443'],
  ['N06 another case', 'ExAmPlE.CoM:443'],
])('%s is the same host: judged, looked up, dialled and written down by its one name', async (_what, target) => {
  const reached = await rawUpstream()
  const same = await createWorld({ rules, answers: { 'example.com': everything }, network: { '*': reached.port } })
  const client = same.connect()
  client.write(connectTo(target))
  expect(await readUntil(client, headEnds)).toMatch(/^HTTP\/1.1 200 /)
  client.destroy()
  await same.until((events) => events.length === 2)
  expect(same.order.slice(0, 3)).toEqual(['audit:egress.request:allow', 'resolve:example.com', `dial:${PUBLIC}:443`])
  expect(same.events[0]).toMatchObject({ rule: 'test/example.com', detail: { host: 'example.com', port: 443 } })
  await same.close()
  await reached.close()
})

test('N10 userinfo and queries are never written down', async () => {
  for (const bytes of [
    get('http://anna:s3cr3t@evil.com/?token=s3cr3t'),
    get('http://anna:s3c/r3t@evil.com/'),
    connectTo('anna:s3cr3t@example.com:443'),
    get('ftp://anna:s3cr3t@evil.com/'),
    'GET http://anna:s3cr3t@evil.com/ HTTP/1.1\r\nHost: a\r\nbroken header\r\nAuthorization: s3cr3t\r\n\r\n',
  ]) {
    const { event } = await refused(bytes)
    expect(JSON.stringify(event)).not.toMatch(/s3c|r3t|anna/)
    expect(event?.kind === 'egress.request' && event.detail.raw).toMatch(/\*\*\*|masked/)
  }
})

test('A08 a huge and hostile target leaves one short line', async () => {
  const { event } = await refused(connectTo(`\\u202e{"seq":1}${'x'.repeat(20_000)}:443`))
  const raw = event?.kind === 'egress.request' ? (event.detail.raw ?? '') : ''
  expect(raw.length).toBeLessThanOrEqual(512)
})

test.each(['example.com:443', 'a.example.org:443'])('N22 an empty list refuses %s', async (target) => {
  const empty = await createWorld({ rules: [], answers: { 'example.com': everything } })
  expect(await empty.raw(connectTo(target))).toContain('no-rule')
  expect(empty.order).toEqual(['audit:egress.request:deny'])
  await empty.close()
})

test('a sandbox that nobody is known for is refused everything', async () => {
  const nobody = await createWorld({ rules, answers: { 'example.com': everything } })
  nobody.state.identity = null
  expect(await nobody.raw(connectTo('example.com:443'))).toContain('no-identity')
  expect(nobody.order).toEqual(['audit:egress.request:deny'])
  await nobody.close()
})

test('whoever asks for JSON gets the refusal as JSON', async () => {
  const { answer } = await refused(
    'GET http://evil.com/ HTTP/1.1\r\nHost: evil.com\r\nAccept: application/json\r\nConnection: close\r\n\r\n',
  )
  expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))).toMatchObject({ error: { code: 'no-rule' } })
})
