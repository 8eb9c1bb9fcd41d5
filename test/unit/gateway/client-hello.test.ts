import { connect, createServer } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readClientHello } from '../../../api/gateway/egress/tls/client-hello.ts'
import {
  ECH,
  extension,
  hello,
  helloMessage,
  record,
  records,
  serverName,
  sni,
  u8,
  u16,
  vector16,
  versions,
} from '../../app/gateway/egress/world/hello.ts'

const MAX = 32_768
const read = (bytes: Buffer) => readClientHello(bytes, MAX)
const tls13 = versions(0x0304)

describe('a hello is read', () => {
  const grease = [extension(0x0a0a), extension(0x1a1a, u8(0)), versions(0x7a7a, 0x0304)]
  test.each<[string, Buffer, string]>([
    ['the plain one', hello(), 'example.org'],
    ['the name as it was sent', hello({ extensions: [sni('ExAmPlE.OrG.')] }), 'ExAmPlE.OrG.'],
    [
      'GREASE extensions and versions (RFC 8701)',
      hello({ extensions: [...grease, sni('example.org')] }),
      'example.org',
    ],
    ['TLS 1.2 without supported_versions', hello({ extensions: [sni('example.org')] }), 'example.org'],
    ['over two records', records(helloMessage(), 40), 'example.org'],
    ['over records of 16 bytes', records(helloMessage(), 16), 'example.org'],
    ['a length that is split over records', records(helloMessage(), 2), 'example.org'],
    [
      'with a large padding',
      hello({ extensions: [sni('example.org'), extension(21, Buffer.alloc(12_000))] }),
      'example.org',
    ],
    ['with early data offered', hello({ extensions: [sni('example.org'), tls13, extension(42)] }), 'example.org'],
    [
      'with 30 kB over records',
      records(helloMessage({ extensions: [sni('example.org'), extension(21, Buffer.alloc(30_000))] })),
      'example.org',
    ],
  ])('%s', (_what, bytes, name) => {
    expect(read(bytes)).toEqual({ state: 'hello', sni: name, length: bytes.length })
    // Whatever follows the hello is no part of it.
    expect(read(Buffer.concat([bytes, record(Buffer.alloc(10), 23)]))).toEqual({
      state: 'hello',
      sni: name,
      length: bytes.length,
    })
    // Byte by byte: nothing is decided before the last one.
    for (const at of [1, 5, 6, 9, 43, bytes.length - 1]) expect(read(bytes.subarray(0, at))).toEqual({ state: 'more' })
  })
})

describe('a hello is refused', () => {
  const message = helloMessage()
  test.each<[string, Buffer, string]>([
    ['SSH', Buffer.from('SSH-2.0-OpenSSH_9.9\r\n'), 'connect-non-tls'],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n'), 'connect-non-tls'],
    ['SMTP', Buffer.from('EHLO example.org\r\n'), 'connect-non-tls'],
    ['one wrong byte is enough', Buffer.from('S'), 'connect-non-tls'],
    ['an SSLv2 hello', Buffer.from([0x80, 0x2e, 0x01, 0x03, 0x01, 0x00, 0x15]), 'connect-non-tls'],
    ['a TLS alert first', record(Buffer.from([2, 40]), 21), 'connect-non-tls'],
    ['application data first', record(Buffer.alloc(20), 23), 'connect-non-tls'],
    ['a server hello', record(Buffer.from([2, 0, 0, 1, 0])), 'connect-non-tls'],
    ['another major version', record(message, 22, 0x0401), 'connect-non-tls'],
    ['an empty record', record(Buffer.alloc(0)), 'hello-malformed'],
    ['a record over 16 kB', Buffer.concat([u8(22), u16(0x0301), u16(16_385)]), 'hello-malformed'],
    [
      'another type of record in the middle',
      Buffer.concat([record(message.subarray(0, 40)), record(message.subarray(40), 23)]),
      'hello-malformed',
    ],
    ['two messages in one record', record(Buffer.concat([message, message])), 'hello-malformed'],
    ['bytes behind the extensions', hello({ tail: Buffer.alloc(3) }), 'hello-malformed'],
    [
      'more than 64 records',
      records(helloMessage({ extensions: [sni('example.org'), extension(21, Buffer.alloc(200))] }), 4),
      'hello-malformed',
    ],
    [
      'an extension longer than its list',
      hello({ extensions: [Buffer.concat([u16(0), u16(500)])] }),
      'hello-malformed',
    ],
    [
      'an extension twice',
      hello({ extensions: [sni('example.org'), extension(10), extension(10)] }),
      'hello-malformed',
    ],
    ['announced as larger than the cap', record(Buffer.from([1, 0, 0x90, 0])), 'hello-too-large'],
    [
      '64 kB',
      records(helloMessage({ extensions: [sni('example.org'), extension(21, Buffer.alloc(64_000))] })),
      'hello-too-large',
    ],
    ['no extensions at all', hello({ extensions: null }), 'sni-missing'],
    ['no SNI', hello({ extensions: [tls13] }), 'sni-missing'],
    ['an empty SNI extension', hello({ extensions: [extension(0)] }), 'sni-invalid'],
    ['an empty list of names', hello({ extensions: [extension(0, vector16(Buffer.alloc(0)))] }), 'sni-invalid'],
    ['an empty name', hello({ extensions: [sni('')] }), 'sni-invalid'],
    [
      'a name of another type',
      hello({ extensions: [extension(0, vector16(Buffer.concat([u8(1), vector16(Buffer.from('example.org'))])))] }),
      'sni-invalid',
    ],
    [
      'bytes behind the list',
      hello({ extensions: [extension(0, Buffer.concat([vector16(serverName('example.org')), u8(0)]))] }),
      'sni-invalid',
    ],
    ['two names in one extension', hello({ extensions: [sni('example.org', 'evil.example')] }), 'sni-repeated'],
    ['the same name twice', hello({ extensions: [sni('example.org', 'example.org')] }), 'sni-repeated'],
    ['two SNI extensions', hello({ extensions: [sni('example.org'), sni('evil.example')] }), 'sni-repeated'],
    // RFC 9849: a GREASE ECH and a real one are the same to whoever is not the server.
    [
      'ECH, outer',
      hello({ extensions: [sni('example.org'), extension(ECH, Buffer.concat([u8(0), Buffer.alloc(200, 5)]))] }),
      'ech',
    ],
    [
      'ECH, GREASE',
      hello({
        extensions: [
          sni('example.org'),
          extension(ECH, Buffer.concat([u8(0), u16(1), u16(1), u8(66), Buffer.alloc(180, 9)])),
        ],
      }),
      'ech',
    ],
    ['ECH, inner', hello({ extensions: [extension(ECH, u8(1)), sni('example.org')] }), 'ech'],
    ['ECH, an early draft', hello({ extensions: [sni('example.org'), extension(0xfe0a)] }), 'ech'],
    ['ESNI', hello({ extensions: [sni('example.org'), extension(0xffce)] }), 'ech'],
    ['TLS 1.1', hello({ legacyVersion: 0x0302, extensions: [sni('example.org')] }), 'tls-too-old'],
    ['SSL 3', hello({ legacyVersion: 0x0300, extensions: null }), 'tls-too-old'],
    [
      'only TLS 1.1 in supported_versions',
      hello({ extensions: [sni('example.org'), versions(0x0302, 0x7a7a)] }),
      'tls-too-old',
    ],
  ])('%s', (_what, bytes, reason) => {
    expect(read(bytes)).toEqual({ state: 'refused', reason })
  })
})

test('any bytes are read without an exception, and never as a hello with another name', () => {
  const whole = hello()
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 }), (changes) => {
      const bytes = Buffer.from(whole)
      for (const [at, value] of changes) bytes[at] = value
      const result = read(bytes)
      if (result.state === 'hello') expect(bytes.includes(result.sni, 0, 'latin1')).toBe(true)
    }),
    { seed: 42, numRuns: 3000 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void read(Buffer.from(bytes))),
    { seed: 42, numRuns: 2000 },
  )
})

test('what node:tls sends is read', async () => {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening')
  const received = new Promise<Buffer>((done) =>
    server.on('connection', (socket) =>
      socket.once('data', (bytes: Buffer) => {
        socket.destroy()
        done(bytes)
      }),
    ),
  )
  const socket = connect(address.port, '127.0.0.1')
  tlsConnect({ socket, servername: 'example.org' }).on('error', () => {})
  expect(read(await received)).toMatchObject({ state: 'hello', sni: 'example.org' })
  server.close()
})
