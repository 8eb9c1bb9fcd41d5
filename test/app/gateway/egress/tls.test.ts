/** TLS inside a CONNECT tunnel: the greeting names the CONNECT host, or nothing reaches the upstream. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import { describe, expect, test } from 'vitest'
import type { EgressLimits } from '../../../../api/gateway/egress/limits.ts'
import { closed } from '../../../support/closed.ts'
import { keptForOneTest } from '../../../support/kept.ts'
import {
  EARLY_DATA,
  ECH,
  extension,
  hello,
  helloMessage,
  record,
  records,
  sni,
  u8,
  u16,
  versions,
} from './world/hello.ts'
import { rawUpstream, tlsUpstream, type Upstream } from './world/upstream.ts'
import { createWorld, headEnds, PUBLIC, readUntil, rule, type World } from './world/world.ts'

const keep = keptForOneTest()

const CONNECT = 'CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n'
const OK = 'HTTP/1.1 200 Connection established\r\n\r\n'
/** Fatal, access_denied. */
const ALERT = Buffer.from([21, 3, 3, 0, 2, 2, 49]).toString('latin1')

async function worldTo(upstream: Upstream, limits: Partial<EgressLimits> = {}) {
  keep(upstream)
  const rules = [rule({ host: 'example.org' }), rule({ host: 'evil.example', ports: [8443] })]
  return keep(
    await createWorld({ rules, answers: { 'example.org': [[PUBLIC]] }, network: { '*': upstream.port }, limits }),
  )
}

/** A raw connection through an open tunnel. */
async function tunnelOf(world: World): Promise<Socket> {
  const client = world.connect()
  client.on('end', () => client.destroy())
  client.write(CONNECT)
  expect(await readUntil(client, headEnds)).toBe(OK)
  return client
}

const grease = [extension(0x0a0a), extension(0xfafa, u8(0)), versions(0x2a2a, 0x0304)]
const tls13 = versions(0x0304)

describe('refused, and not a byte reaches the upstream', () => {
  test.each<[string, Buffer | string, string]>([
    ['T01 SNI of another host', hello({ extensions: [sni('evil.example'), tls13] }), 'sni-mismatch'],
    ['T01 SNI of another allowed host', hello({ extensions: [sni('evil.example'), tls13] }), 'sni-mismatch'],
    ['T01 a name below', hello({ extensions: [sni('a.example.org'), tls13] }), 'sni-mismatch'],
    ['T01 the name as a prefix', hello({ extensions: [sni('example.org.evil.example'), tls13] }), 'sni-mismatch'],
    ['T03 no SNI', hello({ extensions: [tls13] }), 'sni-missing'],
    ['T03 no extensions', hello({ extensions: null }), 'sni-missing'],
    ['T04 ECH', hello({ extensions: [sni('example.org'), tls13, extension(ECH, Buffer.alloc(200, 3))] }), 'ech'],
    [
      'T04 GREASE ECH',
      hello({
        extensions: [
          ...grease,
          sni('example.org'),
          extension(ECH, Buffer.concat([u8(0), u16(1), u16(1), Buffer.alloc(150, 9)])),
        ],
      }),
      'ech',
    ],
    ['T05 SNI is an address', hello({ extensions: [sni('1.2.3.4'), tls13] }), 'sni-invalid'],
    ['T05 SNI is an IPv6 address', hello({ extensions: [sni('::1'), tls13] }), 'sni-invalid'],
    ['T05 SNI is a number', hello({ extensions: [sni('2130706433'), tls13] }), 'sni-invalid'],
    ['T06 two trailing dots', hello({ extensions: [sni('example.org..'), tls13] }), 'sni-invalid'],
    ['T06 NUL in the name', hello({ extensions: [sni('example.org\0.evil.example'), tls13] }), 'sni-invalid'],
    ['T06 not ASCII', hello({ extensions: [sni('exａmple.org'), tls13] }), 'sni-invalid'],
    ['T06 a space', hello({ extensions: [sni('example.org '), tls13] }), 'sni-invalid'],
    ['T08 two names', hello({ extensions: [sni('example.org', 'evil.example'), tls13] }), 'sni-repeated'],
    ['T08 two SNI extensions', hello({ extensions: [sni('example.org'), tls13, sni('evil.example')] }), 'sni-repeated'],
    ['T08 another extension twice', hello({ extensions: [sni('example.org'), tls13, tls13] }), 'hello-malformed'],
    ['T09 SSH', 'SSH-2.0-OpenSSH_9.9\r\n', 'connect-non-tls'],
    ['T09 HTTP', 'GET / HTTP/1.1\r\nHost: example.org\r\n\r\n', 'connect-non-tls'],
    ['T09 SMTP', 'EHLO example.org\r\n', 'connect-non-tls'],
    ['T13 CONNECT in CONNECT', 'CONNECT evil.example:443 HTTP/1.1\r\n\r\n', 'connect-non-tls'],
    ['T10 SSLv2', Buffer.from('802e0100020015000000100700c0030080010080060040', 'hex'), 'connect-non-tls'],
    ['T10 SSL 3', hello({ legacyVersion: 0x0300 }), 'tls-too-old'],
    ['T10 TLS 1.1', hello({ legacyVersion: 0x0302 }), 'tls-too-old'],
    ['T16 early data before the hello', Buffer.concat([record(Buffer.alloc(40), 23), hello()]), 'connect-non-tls'],
    [
      'T16 a message behind the hello in its record',
      record(Buffer.concat([helloMessage(), helloMessage({ extensions: [sni('evil.example')] })])),
      'hello-malformed',
    ],
    [
      'T17 64 kB',
      records(helloMessage({ extensions: [sni('example.org'), extension(21, Buffer.alloc(64_000))] })),
      'hello-too-large',
    ],
    ['T17 a record of more than 16 kB', Buffer.concat([u8(22), u16(0x0301), u16(0xffff)]), 'hello-malformed'],
    ['T17 an empty record first', Buffer.concat([record(Buffer.alloc(0)), hello()]), 'hello-malformed'],
    [
      'T17 a thousand records',
      records(helloMessage({ extensions: [sni('example.org'), extension(21, Buffer.alloc(1000))] }), 1),
      'hello-malformed',
    ],
    [
      'T17 another record between',
      Buffer.concat([record(helloMessage().subarray(0, 30)), record(u8(1), 20), record(helloMessage().subarray(30))]),
      'hello-malformed',
    ],
  ])('%s', async (_what, bytes, reason) => {
    const upstream = await rawUpstream()
    const world = await worldTo(upstream)
    const client = await tunnelOf(world)
    const gone = closed(client)
    client.resume().write(bytes)
    await gone
    expect(world.denials()).toMatchObject([
      {
        reason,
        rule: 'test/example.org',
        detail: { host: 'example.org', port: 443 },
        correlation: world.events[0]?.correlation,
      },
    ])
    expect(world.events).toHaveLength(2)
    expect(upstream.received()).toBe(0)
    await expect.poll(() => upstream.open()).toBe(0)
  })

  test('the client is told with a TLS alert', async () => {
    const world = await worldTo(await rawUpstream())
    expect(await world.raw(Buffer.concat([Buffer.from(CONNECT), hello({ extensions: [sni('evil.example')] })]))).toBe(
      OK + ALERT,
    )
  })
  test('who did not speak TLS is told in words', async () => {
    const world = await worldTo(await rawUpstream())
    expect(await world.raw(`${CONNECT}GET / HTTP/1.1\r\n\r\n`)).toContain('Only TLS may be spoken')
  })
  test.each<[string, Buffer]>([
    ['half a hello', hello().subarray(0, 60)],
    ['nothing at all', Buffer.alloc(0)],
    ['one byte', hello().subarray(0, 1)],
  ])('T07 a client that stalls after %s is cut off', async (_what, bytes) => {
    const upstream = await rawUpstream()
    const world = await worldTo(upstream, { helloMs: 100 })
    const client = await tunnelOf(world)
    const gone = closed(client)
    client.resume().write(bytes)
    await gone
    expect(world.denials()).toMatchObject([{ reason: 'hello-timeout' }])
    expect(upstream.received()).toBe(0)
  })
  test('T07 a client that drips is cut off in the same time', async () => {
    const upstream = await rawUpstream()
    const world = await worldTo(upstream, { helloMs: 150 })
    const client = await tunnelOf(world)
    let at = 0
    const drip = setInterval(() => client.write(hello().subarray(at, ++at)), 10)
    client.resume()
    await closed(client)
    clearInterval(drip)
    expect(world.denials()).toMatchObject([{ reason: 'hello-timeout' }])
    expect(upstream.received()).toBe(0)
  })
  test('a client that leaves before it said anything is no refusal', async () => {
    const world = await worldTo(await rawUpstream())
    const client = await tunnelOf(world)
    client.destroy()
    await world.until((events) => events.length === 2)
    expect(world.ends()).toMatchObject([{ detail: { outcome: 'client-closed', bytesOut: 0 } }])
  })
})

describe('passed on, to the last byte', () => {
  const big = [sni('example.org'), tls13, extension(21, Buffer.alloc(14_000))]
  test.each<[string, Buffer]>([
    ['a plain hello', hello()],
    ['T06 SNI in another case', hello({ extensions: [sni('EXAMPLE.org'), tls13] })],
    ['T06 SNI with a trailing dot', hello({ extensions: [sni('example.org.'), tls13] })],
    ['T04 GREASE that is not ECH', hello({ extensions: [...grease, sni('example.org')] })],
    ['T07 over two records', records(helloMessage(), 50)],
    ['T17 of 14 kB', hello({ extensions: big })],
  ])('%s', async (_what, bytes) => {
    const upstream = await rawUpstream()
    const world = await worldTo(upstream)
    const client = await tunnelOf(world)
    client.write(bytes)
    await expect.poll(() => upstream.received()).toBe(bytes.length)
    client.destroy()
  })
  test('T07 one byte a write', async () => {
    const upstream = await rawUpstream()
    const world = await worldTo(upstream)
    const client = await tunnelOf(world)
    client.setNoDelay(true)
    for (const byte of hello()) {
      client.write(Buffer.from([byte]))
      await new Promise((done) => setImmediate(done))
    }
    await expect.poll(() => upstream.received()).toBe(hello().length)
    client.destroy()
  })
  test('a hello that comes together with CONNECT', async () => {
    const upstream = await rawUpstream()
    const world = await worldTo(upstream)
    const client = world.connect()
    client.write(Buffer.concat([Buffer.from(CONNECT), hello()]))
    await expect.poll(() => upstream.received()).toBe(hello().length)
    client.destroy()
  })
  test('T16 early data waits for the server’s first word, and then follows', async () => {
    let say: (bytes: Buffer) => void = () => {}
    const upstream = await rawUpstream((socket) => {
      say = (bytes) => socket.write(bytes)
    })
    const world = await worldTo(upstream)
    const first = hello({ extensions: [sni('example.org'), tls13, extension(EARLY_DATA)] })
    const early = record(Buffer.alloc(500, 1), 23)
    const client = await tunnelOf(world)
    client.write(Buffer.concat([first, early]))
    await expect.poll(() => upstream.received()).toBe(first.length)
    say(serverHello())
    await expect.poll(() => upstream.received()).toBe(first.length + early.length)
    client.destroy()
  })
})

/** RFC 8446 section 4.1.3: a server hello with this random asks for a second client hello. */
const RETRY = Buffer.from('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c', 'hex')
const serverHello = (random = Buffer.alloc(32, 4)) => {
  const body = Buffer.concat([u16(0x0303), random, u8(0), u16(0x1301), u8(0), u16(0)])
  return record(Buffer.concat([u8(2), u8(0), u16(body.length), body]))
}

describe('a second hello, sent in the clear after a HelloRetryRequest', () => {
  const first = hello()
  const ccs = record(u8(1), 20)
  async function retried(second: Buffer, together = false) {
    const upstream = await rawUpstream((socket) => socket.once('data', () => socket.write(serverHello(RETRY))))
    const world = await worldTo(upstream)
    const client = await tunnelOf(world)
    const gone = closed(client)
    if (together) client.write(Buffer.concat([first, second]))
    else {
      client.write(first)
      await readUntil(client, (text) => text.length >= serverHello(RETRY).length)
      client.write(second)
    }
    client.resume()
    return { upstream, world, client, gone }
  }
  test.each<[string, Buffer, string]>([
    ['another name', hello({ extensions: [sni('evil.example'), tls13] }), 'hello-changed'],
    [
      'another name behind change_cipher_spec',
      Buffer.concat([ccs, hello({ extensions: [sni('evil.example'), tls13] })]),
      'hello-changed',
    ],
    [
      'another name behind early data',
      Buffer.concat([record(Buffer.alloc(99), 23), hello({ extensions: [sni('evil.example')] })]),
      'hello-changed',
    ],
    [
      'another name behind an alert that only warns',
      Buffer.concat([record(Buffer.from([1, 90]), 21), hello({ extensions: [sni('evil.example'), tls13] })]),
      'hello-changed',
    ],
    ['no name', hello({ extensions: [tls13] }), 'sni-missing'],
    ['ECH', hello({ extensions: [sni('example.org'), extension(ECH)] }), 'ech'],
    ['another message', record(Buffer.from([20, 0, 0, 1, 0])), 'hello-changed'],
  ])('%s is refused', async (_what, second, reason) => {
    for (const together of [false, true]) {
      const { upstream, world, gone } = await retried(second, together)
      await gone
      expect(world.denials()).toMatchObject([{ reason }])
      expect(upstream.received()).toBe(first.length)
    }
  })
  test('the same name is passed, and so is what follows', async () => {
    const second = Buffer.concat([ccs, hello(), record(Buffer.alloc(30), 23)])
    const { upstream, client } = await retried(second)
    await expect.poll(() => upstream.received()).toBe(first.length + second.length)
    client.destroy()
  })
  test('T07 the same name is passed one byte a write', async () => {
    const second = Buffer.concat([ccs, hello()])
    const { upstream, client } = await retried(second.subarray(0, 1))
    for (const byte of second.subarray(1)) {
      client.write(Buffer.of(byte))
      await new Promise((turn) => setImmediate(turn))
    }
    await expect.poll(() => upstream.received()).toBe(first.length + second.length)
    client.destroy()
  })
  test('a client that gives up with an alert ends its tunnel, and that is no refusal', async () => {
    const { world, client } = await retried(record(Buffer.from([2, 40]), 21))
    client.end()
    await world.until(() => world.ends().length === 1)
    expect(world.denials()).toEqual([])
  })
  test('a real handshake with a retry works', async () => {
    const world = await worldTo(
      await tlsUpstream(['example.org'], (socket) => socket.pipe(socket), { ecdhCurve: 'P-521' }),
    )
    // The client guesses X25519; the server asks it to try P-521.
    const secure = tlsConnect({
      socket: await tunnelOf(world),
      servername: 'example.org',
      rejectUnauthorized: false,
      ecdhCurve: 'X25519:P-521',
      minVersion: 'TLSv1.3',
    })
    secure.write('hello')
    expect(await readUntil(secure, (text) => text.length >= 5)).toBe('hello')
    secure.destroy()
  })
})

describe('T11, T12: what only the client can check in an opaque tunnel', () => {
  test('T11 a certificate of another name comes through, for the client to refuse', async () => {
    const world = await worldTo(await tlsUpstream(['other.example'], () => {}))
    const secure = tlsConnect({ socket: await tunnelOf(world), servername: 'example.org' })
    const [error] = await once(secure, 'error')
    expect(error.code).toMatch(/SELF_SIGNED|ALTNAME/)
    await world.until((events) => events.length === 2)
  })
  test('T12 ALPN is the client’s and the server’s own: the tunnel leads to the one judged address whatever they agree', async () => {
    const world = await worldTo(await tlsUpstream(['example.org'], () => {}, { ALPNProtocols: ['h2', 'http/1.1'] }))
    const secure = tlsConnect({
      socket: await tunnelOf(world),
      servername: 'example.org',
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
    })
    await once(secure, 'secureConnect')
    expect(secure.alpnProtocol).toBe('h2')
    expect(world.order.filter((step) => step.startsWith('dial'))).toEqual([`dial:${PUBLIC}:443`])
    secure.destroy()
  })
})
