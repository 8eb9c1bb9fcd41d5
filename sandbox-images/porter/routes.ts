import type http2 from 'node:http2'
import net from 'node:net'
import type { z } from 'zod'
import type { porterHealth } from '../../api/contract/programs/porter.ts'
import { streamPorts } from './network/ports.ts'
import { exec } from './processes/exec.ts'
import { whyNotEnterable } from './processes/launch.ts'
import type { HeldProcess, Processes, ProcessesOptions } from './processes/processes.ts'
import { probe } from './proof/probe.ts'
import type { Held } from './terminals/held.ts'
import type { Terminal, Terminals } from './terminals/terminals.ts'

type Stream = http2.ServerHttp2Stream

export type RouteDeps = {
  terminals: Terminals
  processes: Processes
  /** How programs are started and signalled. */
  starting: ProcessesOptions
  asWitness: (argv: string[]) => string[]
  health: () => z.infer<typeof porterHealth>
  ownPorts: number[]
}

const BODY_LIMIT_BYTES = 16_777_216

function answer(stream: Stream, status: number, body?: unknown) {
  if (stream.destroyed || stream.headersSent) return
  if (body === undefined) {
    stream.respond({ ':status': status }, { endStream: true })
    return
  }
  stream.respond({ ':status': status, 'content-type': 'application/json' })
  stream.end(JSON.stringify(body))
}

/** The gateway is the only client and writes what the contract says, so its bodies are read, not judged. */
async function bodyOf(stream: Stream) {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream) {
    bytes += chunk.length
    if (bytes > BODY_LIMIT_BYTES) throw new Error('The body is too large.')
    chunks.push(chunk)
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8'))
}

function sendHeld(stream: Stream, held: Held, query: URLSearchParams) {
  const from = held.startOf(Number(query.get('offset') ?? 0))
  stream.respond({ ':status': 200, 'content-type': 'application/octet-stream', 'x-offset': String(from) })
  held.read(stream, from)
}

function connectTo(stream: Stream, authority: string) {
  const port = Number(authority.split(':').at(-1))
  if (!authority.startsWith('127.0.0.1:') || !Number.isInteger(port)) return answer(stream, 403)
  const attempt = (host: string, otherwise: () => void) => {
    const socket = net.connect({ port, host, noDelay: true, allowHalfOpen: true })
    socket.once('error', () => (socket.pending ? otherwise() : stream.destroy()))
    socket.once('connect', () => {
      if (stream.destroyed) return socket.destroy()
      stream.respond({ ':status': 200 })
      stream.pipe(socket)
      socket.pipe(stream)
      stream.once('close', () => socket.destroy())
    })
  }
  // Development servers that bind "localhost" are on ::1 as often as on 127.0.0.1.
  attempt('127.0.0.1', () => attempt('::1', () => answer(stream, 502)))
}

async function terminalRoute(stream: Stream, method: string, terminal: Terminal, verb: string, query: URLSearchParams) {
  switch (`${method} ${verb}`) {
    case 'POST resize': {
      const { cols, rows } = await bodyOf(stream)
      terminal.resize(cols, rows)
      return answer(stream, 204)
    }
    case 'POST input':
      stream.pipe(terminal.input, { end: false })
      stream.once('close', () => stream.unpipe(terminal.input))
      return stream.once('end', () => answer(stream, 204))
    case 'GET output':
      return sendHeld(stream, terminal.output, query)
    case 'POST release':
      terminal.output.release(Number(query.get('offset') ?? 0))
      return answer(stream, 204)
    default:
      return answer(stream, 404)
  }
}

function processRoute(stream: Stream, method: string, held: HeldProcess, verb: string, query: URLSearchParams) {
  switch (`${method} ${verb}`) {
    case 'GET ':
      return answer(stream, 200, held.info())
    case 'GET stdout':
      return sendHeld(stream, held.stdout, query)
    case 'GET stderr':
      return sendHeld(stream, held.stderr, query)
    case 'POST stdin':
      stream.pipe(held.stdin, { end: query.has('end') })
      return stream.once('end', () => answer(stream, 204))
    default:
      return answer(stream, 404)
  }
}

async function route(deps: RouteDeps, stream: Stream, headers: http2.IncomingHttpHeaders) {
  const method = String(headers[':method'])
  if (method === 'CONNECT') return connectTo(stream, String(headers[':authority']))
  const { pathname, searchParams } = new URL(String(headers[':path']), 'http://porter')
  const [place = '', key = '', verb = ''] = pathname.slice(1).split('/')

  switch (key === '' ? `${method} ${place}` : `${place}/`) {
    case 'GET health':
      return answer(stream, 200, deps.health())
    case 'GET terminals':
      return answer(stream, 200, { items: deps.terminals.list() })
    case 'POST terminals':
      return answer(stream, 200, deps.terminals.open(await bodyOf(stream)).info())
    case 'terminals/': {
      const terminal = deps.terminals.get(key)
      if (!terminal) return answer(stream, 404)
      if (method !== 'DELETE') return terminalRoute(stream, method, terminal, verb, searchParams)
      deps.terminals.remove(key)
      return answer(stream, 204)
    }
    case 'POST exec': {
      const gone = new AbortController()
      stream.once('close', () => gone.abort())
      const request = await bodyOf(stream)
      const message = deps.starting.asOwner(() => whyNotEnterable(request.cwd))
      if (message !== null) return answer(stream, 400, { message })
      return answer(stream, 200, await exec(request, deps.starting, gone.signal))
    }
    case 'POST processes':
      return answer(stream, 200, (await deps.processes.start(await bodyOf(stream))).info())
    case 'processes/': {
      const held = deps.processes.get(Number(key))
      if (!held) return answer(stream, 404)
      if (method !== 'DELETE') return processRoute(stream, method, held, verb, searchParams)
      deps.processes.remove(Number(key))
      return answer(stream, 204)
    }
    case 'GET ports':
      stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' })
      return streamPorts(stream, deps.ownPorts)
    case 'POST probe':
      return answer(stream, 200, { results: await probe(await bodyOf(stream), deps.asWitness) })
    default:
      return answer(stream, 404)
  }
}

/** One stream, one request. A request that fails is answered with its reason and harms no other. */
export function createRoutes(deps: RouteDeps) {
  return (stream: Stream, headers: http2.IncomingHttpHeaders) => {
    stream.on('error', () => {})
    route(deps, stream, headers).catch((error: unknown) => {
      answer(stream, 500, { message: error instanceof Error ? error.message : String(error) })
    })
  }
}
