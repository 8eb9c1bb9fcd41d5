import { connect as tlsConnect } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { keptForOneTest } from '../../../support/kept.ts'
import { httpUpstream, tlsUpstream } from './world/upstream.ts'
import { createWorld, headEnds, PUBLIC, readUntil, rule } from './world/world.ts'

const keep = keptForOneTest()

test('what is tried before anybody works in the sandbox says so, refused or not', async () => {
  const upstream = keep(await tlsUpstream(['example.org'], (socket) => socket.end()))
  const world = keep(
    await createWorld({
      rules: [rule({ host: 'example.org' })],
      answers: { 'example.org': [[PUBLIC]] },
      network: { '*': upstream.port },
    }),
  )
  const phases = () => world.events.map(({ kind, detail }) => [kind, 'phase' in detail && detail.phase])
  if (world.state.identity) world.state.identity = { ...world.state.identity, proving: true }
  await world.raw('CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n')
  const client = world.connect()
  client.write('CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n')
  await readUntil(client, headEnds)
  if (world.state.identity) world.state.identity = { ...world.state.identity, proving: false }
  client.destroy()
  await world.until((events) => events.length === 3)
  await world.raw('CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n')
  expect(phases()).toEqual([
    ['egress.request', 'proof'],
    ['egress.request', 'proof'],
    ['egress.ended', 'proof'],
    ['egress.request', 'work'],
  ])
})

describe('what is allowed works', () => {
  test('a tunnel carries TLS both ways, and its intent comes before the look-up', async () => {
    const upstream = keep(await tlsUpstream(['example.org'], (socket) => socket.pipe(socket)))
    const world = keep(
      await createWorld({
        rules: [rule({ host: 'example.org' })],
        answers: { 'example.org': [[PUBLIC]] },
        network: { [`${PUBLIC}:443`]: upstream.port },
      }),
    )
    const client = world.connect()
    client.write('CONNECT ExAmPlE.OrG.:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n')
    expect(await readUntil(client, headEnds)).toMatch(/^HTTP\/1.1 200 /)
    const secure = tlsConnect({ socket: client, servername: 'example.org', rejectUnauthorized: false })
    secure.write('hello')
    expect(await readUntil(secure, (text) => text.length >= 5)).toBe('hello')
    secure.end()
    await world.until((events) => events.length === 2)
    expect(world.order).toEqual([
      'audit:egress.request:allow',
      'resolve:example.org',
      `dial:${PUBLIC}:443`,
      'audit:egress.ended:info',
    ])
    const [intent, end] = world.events
    expect(intent).toMatchObject({ detail: { host: 'example.org', port: 443 }, rule: 'test/example.org' })
    expect(end).toMatchObject({
      correlation: intent?.correlation,
      detail: { outcome: 'completed', status: 200, address: PUBLIC },
    })
  })

  test('a plain request is sent on in origin-form', async () => {
    const seen: unknown[] = []
    const upstream = keep(
      await httpUpstream((request, response) => {
        seen.push([request.method, request.url, request.headers])
        response.end('hello')
      }),
    )
    const world = keep(
      await createWorld({
        rules: [rule({ host: 'example.org', protocol: 'http' })],
        answers: { 'example.org': [[PUBLIC]] },
        network: { [`${PUBLIC}:80`]: upstream.port },
      }),
    )
    const answer = await world.raw('GET http://example.org/a?b=c HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*hello/)
    expect(seen).toEqual([['GET', '/a?b=c', { host: 'example.org', connection: 'close' }]])
    await world.until((events) => events.length === 2)
    expect(world.ends()[0]).toMatchObject({ detail: { outcome: 'completed', status: 200, path: '/a' } })
  })
})
