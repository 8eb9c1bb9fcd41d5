/** What clients and servers rightly do must go on working. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http'
import { connect as tlsConnect } from 'node:tls'
import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { keptForOneTest } from '../../../support/kept.ts'
import { hello } from './world/hello.ts'
import { httpUpstream, rawUpstream, tlsUpstream } from './world/upstream.ts'
import { createWorld, headEnds, PUBLIC, readUntil, rule, type World } from './world/world.ts'

const keep = keptForOneTest()

async function worldTo(port: number) {
  const rules = [rule({ host: 'example.com', protocol: 'http' }), rule({ host: 'example.org' })]
  return keep(
    await createWorld({
      rules,
      answers: { 'example.com': [[PUBLIC]], 'example.org': [[PUBLIC]] },
      network: { '*': port },
    }),
  )
}
const worldOf = async (handle: RequestListener) => worldTo(keep(await httpUpstream(handle)).port)

interface Asked {
  method?: string
  headers?: Record<string, string>
  agent?: Agent
}
/** A real client that speaks to the proxy. */
function ask(world: World, { method = 'GET', headers = {}, agent }: Asked = {}) {
  return httpRequest({
    socketPath: world.path,
    path: 'http://example.com/thing',
    method,
    headers: { Host: 'example.com', ...headers },
    ...(agent ? { agent } : {}),
  })
}
async function bodyOf(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk)
  return Buffer.concat(chunks)
}
async function answerTo(outgoing: ReturnType<typeof ask>) {
  const [answer]: IncomingMessage[] = await once(outgoing, 'response')
  if (!answer) throw new Error('no answer')
  return { answer, body: await bodyOf(answer) }
}

describe('plain HTTP', () => {
  test('a compressed answer comes through byte for byte', async () => {
    const zipped = gzipSync('hello '.repeat(1000))
    const world = await worldOf((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': zipped.length }).end(zipped),
    )
    const { answer, body } = await answerTo(ask(world, { headers: { 'Accept-Encoding': 'gzip' } }).end())
    expect(answer.headers).toMatchObject({ 'content-encoding': 'gzip', 'content-length': String(zipped.length) })
    expect(gunzipSync(body).length).toBe(6000)
  })

  test.each<[string, number, Record<string, string>]>([
    ['HEAD', 200, { 'content-length': '1234' }],
    ['HEAD', 200, {}],
    ['GET', 204, {}],
    ['GET', 304, { etag: '"x"', 'content-length': '1234' }],
    ['DELETE', 204, {}],
  ])('%s answered %i with %j has no body, and the connection is used again', async (method, status, headers) => {
    const world = await worldOf((_request, response) => response.writeHead(status, headers).end())
    const client = world.connect()
    for (let turn = 0; turn < 3; turn++) {
      client.write(`${method} http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n`)
      const text = await readUntil(client, headEnds)
      expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*\r\n\r\n$`))
      for (const [name, value] of Object.entries(headers)) expect(text.toLowerCase()).toContain(`${name}: ${value}`)
    }
    client.destroy()
  })

  test('Expect: 100-continue is asked of the upstream, and its answer passed back', async () => {
    const upstream = keep(
      await rawUpstream((socket) => {
        let text = ''
        socket.on('data', (chunk: Buffer) => {
          const before = text
          text += chunk.toString()
          if (!headEnds(before) && headEnds(text)) socket.write('HTTP/1.1 100 Continue\r\n\r\n')
          if (text.endsWith('hello')) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        })
      }),
    )
    const world = await worldTo(upstream.port)
    const outgoing = ask(world, { method: 'PUT', headers: { Expect: '100-continue', 'Content-Length': '5' } })
    await once(outgoing, 'continue')
    const { answer } = await answerTo(outgoing.end('hello'))
    expect(answer.statusCode).toBe(200)
  })

  test('Expect: 100-continue that is refused costs no upload', async () => {
    const world = await worldOf(() => {})
    const outgoing = httpRequest({
      socketPath: world.path,
      path: 'http://evil.com/',
      method: 'PUT',
      headers: { Host: 'x', Expect: '100-continue', 'Content-Length': '99999999' },
    })
    outgoing.on('error', () => {})
    outgoing.flushHeaders()
    const { answer } = await answerTo(outgoing)
    expect(answer.statusCode).toBe(403)
  })

  test('chunked both ways, with trailers both ways', async () => {
    const world = await worldOf((request, response) => {
      response.writeHead(200, { Trailer: 'X-Sum' })
      request.pipe(response, { end: false })
      request.on('end', () => {
        response.addTrailers({ 'X-Sum': `${request.trailers['x-check']}` })
        response.end()
      })
    })
    const outgoing = ask(world, { method: 'POST', headers: { 'Transfer-Encoding': 'chunked', Trailer: 'X-Check' } })
    outgoing.write('one ')
    outgoing.write('two')
    outgoing.addTrailers({ 'X-Check': '42' })
    const { answer, body } = await answerTo(outgoing.end())
    expect(body.toString()).toBe('one two')
    expect(answer.trailers).toEqual({ 'x-sum': '42' })
  })

  test('an answer without a length ends with the upstream’s connection', async () => {
    const upstream = keep(
      await rawUpstream((socket) => void socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\nuntil the end'))),
    )
    const world = await worldTo(upstream.port)
    expect((await answerTo(ask(world).end())).body.toString()).toBe('until the end')
    await world.until((events) => events.length === 2)
    expect(world.ends()).toMatchObject([{ detail: { outcome: 'completed' } }])
  })

  test('a stream is passed on as it comes, and a client that leaves ends it', async () => {
    let closed: Promise<unknown> = Promise.resolve()
    const world = await worldOf((_request, response) => {
      response.write('data: 1\n\n')
      closed = once(response, 'close')
    })
    const outgoing = ask(world).end()
    outgoing.on('error', () => {})
    const [answer]: IncomingMessage[] = await once(outgoing, 'response')
    const [first] = await once(answer ?? outgoing, 'data')
    expect(String(first)).toBe('data: 1\n\n')
    outgoing.destroy()
    await closed
    await world.until((events) => events.length === 2)
    expect(world.ends()).toMatchObject([{ detail: { outcome: 'client-closed', status: 200 } }])
  })

  test('keep-alive: many requests over one connection, refusals among them', async () => {
    const world = await worldOf((request, response) => response.end(request.url))
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let turn = 0; turn < 5; turn++) {
      expect((await answerTo(ask(world, { agent }).end())).body.toString()).toBe('/thing')
      const refused = httpRequest({
        socketPath: world.path,
        path: 'http://evil.com/',
        headers: { Host: 'evil.com' },
        agent,
      })
      expect((await answerTo(refused.end())).answer.statusCode).toBe(403)
    }
    expect(world.egress.connections()).toBe(1)
    agent.destroy()
  })

  test('pipelined requests are answered in their order', async () => {
    const world = await worldOf((request, response) => {
      // The first takes longest.
      setTimeout(() => response.end(request.url), request.url === '/1' ? 60 : 0)
    })
    const one = (path: string, more = '') =>
      `GET http://example.com${path} HTTP/1.1\r\nHost: example.com\r\n${more}\r\n`
    const text = await world.raw(one('/1') + one('/2') + one('/3', 'Connection: close\r\n'))
    expect(text.match(/\/[123]$|\/[123](?=HTTP)|(?<=\n)\/[123]/gm)).toEqual(['/1', '/2', '/3'])
  })

  test('a pipelined request whose client leaves before its turn is ended too', async () => {
    const asked: string[] = []
    const world = await worldOf((request, response) => {
      asked.push(`${request.url}`)
      if (request.url === '/2') response.end('for the second')
    })
    const client = world.connect()
    for (const path of ['/1', '/2']) client.write(`GET http://example.com${path} HTTP/1.1\r\nHost: example.com\r\n\r\n`)
    await expect.poll(() => asked.length).toBe(2)
    client.destroy()
    await world.until(() => world.ends().length === 2)
    expect(world.ends()).toMatchObject([
      { detail: { outcome: 'client-closed' } },
      { detail: { outcome: 'client-closed' } },
    ])
  })

  test('a tunnel that is asked for behind an unanswered request is refused cleanly', async () => {
    const world = await worldOf(() => {})
    const text = await world.raw(
      'GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\nCONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n',
    )
    expect(text).toBe('')
    await world.until((events) => events.length === 3)
    expect(world.denials()).toMatchObject([{ reason: 'malformed-request' }])
  })

  test('H17 a big upload goes through with flat memory, at the upstream’s pace', async () => {
    const totalBytes = 192 * 1024 * 1024
    const hash = createHash('sha256')
    const world = await worldOf((request, response) => {
      request.on('data', (chunk) => hash.update(chunk))
      request.on('end', () => response.end('done'))
    })
    const chunk = randomBytes(1024 * 1024)
    const expected = createHash('sha256')
    const outgoing = ask(world, { method: 'PUT', headers: { 'Content-Length': String(totalBytes) } })
    const before = process.memoryUsage().rss
    let most = 0
    for (let sent = 0; sent < totalBytes; sent += chunk.length) {
      expected.update(chunk)
      if (!outgoing.write(chunk)) await once(outgoing, 'drain')
      most = Math.max(most, process.memoryUsage().rss - before)
    }
    expect((await answerTo(outgoing.end())).body.toString()).toBe('done')
    expect(hash.digest('hex')).toBe(expected.digest('hex'))
    expect(most).toBeLessThan(120 * 1024 * 1024)
  })

  test('back-pressure: an upstream that does not read stops the client', async () => {
    const upstream = keep(await rawUpstream((socket) => socket.pause()))
    const world = await worldTo(upstream.port)
    const outgoing = ask(world, { method: 'PUT', headers: { 'Transfer-Encoding': 'chunked' } })
    outgoing.on('error', () => {})
    const chunk = Buffer.alloc(256 * 1024)
    let sent = 0
    // As much as fits into buffers on the way, and then no more.
    while (sent < 256 * 1024 * 1024) {
      sent += chunk.length
      if (outgoing.write(chunk)) continue
      const drained = await Promise.race([
        once(outgoing, 'drain').then(() => true),
        new Promise((done) => setTimeout(() => done(false), 500)),
      ])
      if (!drained) break
    }
    expect(sent).toBeLessThan(64 * 1024 * 1024)
    outgoing.destroy()
  })
})

describe('tunnels', () => {
  async function secure(world: World) {
    const client = world.connect()
    client.write('CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n')
    await readUntil(client, headEnds)
    return tlsConnect({
      socket: client,
      servername: 'example.org',
      rejectUnauthorized: false,
      ALPNProtocols: ['h2', 'http/1.1'],
    })
  }

  test('64 MB come back as they went', async () => {
    const world = await worldTo(keep(await tlsUpstream(['example.org'], (socket) => socket.pipe(socket))).port)
    const socket = await secure(world)
    const chunk = randomBytes(1024 * 1024)
    let received = 0
    const all = new Promise<void>((done) =>
      socket.on('data', (bytes: Buffer) => {
        received += bytes.length
        if (received === 64 * chunk.length) done()
      }),
    )
    for (let turn = 0; turn < 64; turn++) if (!socket.write(chunk)) await once(socket, 'drain')
    await all
    socket.end()
    await world.until((events) => events.length === 2)
    const [end] = world.ends()
    expect(end).toMatchObject({ detail: { outcome: 'completed' } })
    expect(end?.kind === 'egress.ended' && Math.min(end.detail.bytesIn, end.detail.bytesOut)).toBeGreaterThan(
      64 * chunk.length,
    )
  })

  test('a silence longer than every header limit is fine', async () => {
    const world = keep(
      await createWorld({
        rules: [rule({ host: 'example.org' })],
        answers: { 'example.org': [[PUBLIC]] },
        network: {
          '*': keep(
            await tlsUpstream(
              ['example.org'],
              (socket) => void socket.once('data', () => setTimeout(() => socket.end('late'), 400)),
            ),
          ).port,
        },
        limits: { headerMs: 50, keepAliveMs: 50, helloMs: 100 },
      }),
    )
    const socket = await secure(world)
    socket.write('?')
    expect(await readUntil(socket, (text) => text === 'late')).toBe('late')
    socket.end()
  })

  test('half-close: the client’s end reaches the upstream, whose answer still comes', async () => {
    const upstream = keep(
      await rawUpstream((socket) => {
        socket.write('first')
        socket.resume().on('end', () => socket.end('you ended, I answer'))
      }),
    )
    const client = (await worldTo(upstream.port)).connect()
    client.write('CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n')
    await readUntil(client, headEnds)
    client.write(hello())
    await readUntil(client, (text) => text === 'first')
    client.end()
    expect(await readUntil(client, (text) => text.length > 10)).toBe('you ended, I answer')
  })

  test('an upstream that breaks off is noticed by the client, and is the outcome', async () => {
    const upstream = keep(
      await rawUpstream(
        (socket) => void socket.once('data', () => socket.write('half', () => socket.resetAndDestroy())),
      ),
    )
    const world = await worldTo(upstream.port)
    const client = world.connect()
    client.write('CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n')
    await readUntil(client, headEnds)
    const noticed = once(client.resume(), 'end')
    client.write(hello())
    await noticed
    client.destroy()
    await world.until((events) => events.length === 2)
    expect(world.ends()).toMatchObject([{ decision: 'info', detail: { outcome: 'upstream-closed', status: 200 } }])
  })
})
