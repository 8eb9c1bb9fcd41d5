/** What an upstream of plain HTTP may answer, and what becomes of it. */
import { describe, expect, test } from 'vitest'
import { keptForOneTest } from '../../../support/kept.ts'
import { rawUpstream } from './world/upstream.ts'
import { createWorld, PUBLIC, rule } from './world/world.ts'

const keep = keptForOneTest()

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const request = (first: string, ...fields: string[]) =>
  [first, 'Host: example.com', 'Connection: close', ...fields, '', ''].join('\r\n')
const GET = 'GET http://example.com/a HTTP/1.1'
const POST = 'POST http://example.com/a HTTP/1.1'

/** A world that leads to an upstream that answers `answer`, and then ends or not. */
async function answering(answer: string, ends: boolean) {
  const upstream = keep(
    await rawUpstream((socket) => {
      socket.once('data', () => (ends ? socket.end(answer) : socket.write(answer)))
      socket.on('end', () => socket.end())
    }),
  )
  return keep(
    await createWorld({
      rules: [rule({ host: 'example.com', protocol: 'http' })],
      answers: { 'example.com': [[PUBLIC]] },
      network: { '*': upstream.port },
    }),
  )
}

describe('H15 an upstream that answers nonsense is a 502', () => {
  test.each<[string, string]>([
    ['CR in a field', 'HTTP/1.1 200 OK\r\nX-A: b\rSet-Cookie: c\r\nContent-Length: 0\r\n\r\n'],
    ['NUL in a field', 'HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 0\r\n\r\n'],
    ['a header of 1 MB', `HTTP/1.1 200 OK\r\nX-A: ${'x'.repeat(1_048_576)}\r\n\r\n`],
    ['both lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'],
    ['not HTTP', 'SSH-2.0-OpenSSH_9.9\r\n'],
    ['a status below 100', 'HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n'],
    ['a status of 0', 'HTTP/1.1 000 X\r\nContent-Length: 0\r\n\r\n'],
    ['101 without an Upgrade', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    ['eleven answers before the answer', `${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(11)}${OK}`],
    ['100 Continue without end', CONTINUE.repeat(5000)],
    ['101 that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n'],
  ])('%s', async (_what, nonsense) => {
    const world = await answering(nonsense, false)
    const answer = await world.raw(request(GET))
    expect(answer).toMatch(/^HTTP\/1.1 502 [\s\S]*x-backlot-reason: upstream-invalid/i)
    expect(answer).not.toMatch(/set-cookie/i)
    await world.until((events) => events.length === 2)
    expect(world.ends()).toMatchObject([{ detail: { outcome: 'error', status: 502 } }])
  })

  const CHUNKED = 'Transfer-Encoding: chunked\r\nTrailer: x\r\n\r\n2\r\nok\r\n0\r\nx: 1\r\n\r\n'
  test.each<[string, string, string, RegExp]>([
    ['of a length', GET, 'HTTP/1.1 200 OK\r\nTrailer: x\r\nContent-Length: 2\r\n\r\nok', /\r\n\r\nok$/],
    ['to HEAD', GET.replace('GET', 'HEAD'), `HTTP/1.1 200 OK\r\n${CHUNKED}`, /\r\n\r\n$/],
    ['to HTTP/1.0', GET.replace('1.1', '1.0'), `HTTP/1.1 200 OK\r\n${CHUNKED}`, /\r\n\r\nok$/],
    ['of no content', GET, 'HTTP/1.1 204 No Content\r\nTrailer: x\r\n\r\n', /^HTTP\/1.1 204 [\s\S]*\r\n\r\n$/],
    ['until the end', GET, 'HTTP/1.1 200 OK\r\nTrailer: x\r\nConnection: close\r\n\r\nok', /\r\n2\r\nok\r\n0\r\n\r\n$/],
  ])('trailers announced by an answer %s, which cannot have any, are left out', async (_what, line, text, expected) => {
    const world = await answering(text, true)
    const answer = await world.raw(request(line))
    expect(answer).toMatch(/^HTTP\/1.1 20[04] /)
    expect(answer).toMatch(expected)
    expect(answer).not.toMatch(/trailer:/i)
    await world.until((events) => events.length === 2)
    expect(world.ends()).toMatchObject([{ detail: { outcome: 'completed' } }])
  })

  test.each<[string, string[], number]>([
    ['who asked hears it once', ['Expect: 100-continue', 'Content-Length: 0'], 1],
    ['who did not ask never hears it', ['Content-Length: 0'], 0],
  ])('100 Continue thrice: %s', async (_what, fields, times) => {
    const world = await answering(`${CONTINUE.repeat(3)}${OK}`, false)
    const answer = await world.raw(request(POST, ...fields))
    expect(answer.match(/HTTP\/1.1 100/g) ?? []).toHaveLength(times)
    expect(answer).toMatch(/HTTP\/1.1 200 OK\r\n[\s\S]*ok$/)
  })

  test('an upstream that breaks off is not passed off as complete', async () => {
    const world = await answering('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort', true)
    const answer = await world.raw(request(GET))
    expect(answer).toMatch(/Content-Length: 100\r\n[\s\S]*short$/i)
    await world.until((events) => events.length === 2)
    expect(world.ends()).toMatchObject([{ detail: { outcome: 'upstream-closed' } }])
  })
})
