/**
 * The gateway's control socket as tests of the server see it: it answers by the contract, and holds doors, terminals and
 * providers, but no sandbox. test/app/gateway/control holds it against the real one with the same cases.
 */
import { createServer, type Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Session } from 'node:http2'
import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { type PersonId, personId, type SandboxId, sandboxId, slug } from '../../../api/contract/ids.ts'
import { providerSave } from '../../../api/contract/models.ts'
import { killOrder } from '../../../api/contract/programs/gateway.ts'
import { execRequest, type ProbeResult } from '../../../api/contract/prototypes.ts'
import { type TerminalInfo, terminalOpen, terminalSize, terminalsEnd } from '../../../api/contract/terminal.ts'
import { ApiError, notFound } from '../../../api/errors.ts'
import { answerTo } from '../../../api/http-errors.ts'
import { describeIssue, sentenceOf } from '../../../api/issues.ts'
import { judgeProof, requiredProbes } from '../../../api/policy/proof.ts'

export interface Call {
  method: string
  path: string
  body: unknown
}
/** Null: 204. */
export type Said = { status?: number; body: unknown } | null
export type Answers = (call: Call) => Said | undefined | Promise<Said | undefined>

interface GatewayPeerDeps {
  /** Whether a porter would have dialled this sandbox's door. */
  hasPorter(id: SandboxId): boolean
  ownerOf(id: SandboxId): PersonId | null
  /** What its porter would come to; undefined: everything is refused. */
  probesOf?(id: SandboxId): ProbeResult[] | undefined
  /** Sees every call first; what it gives is the answer. */
  wish: Answers
  socketPath: string
}

/** A connection through a door, as far as the control socket knows of it. */
interface Connection {
  isOpen: boolean
}
interface PeerDoor {
  terminals: Map<string, TerminalInfo>
  connections: Set<Connection>
}

const PORTER_LOOK_MS = 5
const provenWell = (): ProbeResult[] =>
  requiredProbes.map((probe) => ({ probe, expected: 'refused', got: 'refused', detail: '' }))

export async function startGatewayPeer(deps: GatewayPeerDeps) {
  const doors = new Map<SandboxId, PeerDoor>()
  const providers = new Set<string>()

  const doorOf = (id: SandboxId) => {
    const door = doors.get(id)
    if (!door) throw new ApiError('sandbox_not_ready', 'This sandbox is not running.')
    return door
  }
  const readyDoor = (id: SandboxId) => {
    const door = doorOf(id)
    if (!deps.hasPorter(id)) throw new ApiError('sandbox_not_ready', 'The sandbox does not answer yet.')
    return door
  }
  const terminalOf = (id: SandboxId, name: string) => {
    const terminal = doorOf(id).terminals.get(name)
    if (!terminal) throw new ApiError('not_found', 'There is no terminal of this name. Open it first.')
    return terminal
  }
  const idIn = ([id]: string[]) => parseRequest(z.strictObject({ id: sandboxId }), { id }, 'the address').id
  const bodyAs = <T>(schema: z.ZodType<T>, { body }: Call) => parseRequest(schema, body, 'the body')
  const providerIn = ([id]: string[]) => parseRequest(z.strictObject({ id: slug }), { id }, 'the address').id
  const byIn = (call: Call) =>
    parseRequest(
      z.strictObject({ by: personId }),
      Object.fromEntries(new URL(call.path, 'http://g').searchParams),
      'by',
    )

  const routes: [method: string, path: RegExp, answer: (parts: string[], call: Call) => Said | Promise<Said>][] = [
    ['GET', /^\/healthz$/, () => ({ body: { ok: true, audit: true, reason: null } })],
    [
      'PUT',
      /^\/sandboxes\/([^/]+)$/,
      (parts) => {
        const id = idIn(parts)
        if (!doors.has(id)) doors.set(id, { terminals: new Map(), connections: new Set() })
        return { body: { directory: `/run/${id}` } }
      },
    ],
    [
      'DELETE',
      /^\/sandboxes\/([^/]+)$/,
      (parts) => {
        const id = idIn(parts)
        for (const connection of doors.get(id)?.connections ?? []) connection.isOpen = false
        doors.delete(id)
        return null
      },
    ],
    [
      'GET',
      /^\/sandboxes\/([^/]+)$/,
      (parts) => {
        const id = idIn(parts)
        const door = doors.get(id)
        const porter = door && deps.hasPorter(id) ? 'connected' : 'absent'
        return { body: { open: door !== undefined, porter, trusted: true, connections: door?.connections.size ?? 0 } }
      },
    ],
    [
      'POST',
      /^\/sandboxes\/([^/]+)\/prove$/,
      async (parts) => {
        const id = idIn(parts)
        for (doorOf(id); !deps.hasPorter(id); await wait(PORTER_LOOK_MS)) doorOf(id)
        return { body: judgeProof(deps.probesOf?.(id) ?? provenWell(), new Date(), 'runc') }
      },
    ],
    [
      'POST',
      /^\/sandboxes\/([^/]+)\/exec$/,
      (parts, call) => {
        const id = idIn(parts)
        const { argv } = bodyAs(execRequest, call)
        readyDoor(id)
        const [program, ...words] = argv
        const stdout = program === 'echo' ? `${words.join(' ')}\n` : ''
        return { body: { exitCode: 0, stdout, stderr: '', truncated: false } }
      },
    ],
    [
      'GET',
      /^\/sandboxes\/([^/]+)\/terminals$/,
      (parts) => ({ body: { items: [...doorOf(idIn(parts)).terminals.values()] } }),
    ],
    [
      'POST',
      /^\/sandboxes\/([^/]+)\/terminals$/,
      (parts, call) => {
        const id = idIn(parts)
        const { name, cols, rows } = bodyAs(terminalOpen, call)
        const { terminals } = readyDoor(id)
        const known = terminals.get(name)
        const terminal = known?.running
          ? known
          : { name, cols, rows, offset: 0, oldest: 0, running: true, exitCode: null }
        terminals.set(name, terminal)
        return { body: terminal }
      },
    ],
    [
      'POST',
      /^\/sandboxes\/([^/]+)\/terminals\/end$/,
      (parts, call) => {
        const { why } = bodyAs(terminalsEnd, call)
        const { terminals } = doors.get(idIn(parts)) ?? { terminals: new Map<string, TerminalInfo>() }
        for (const [name, terminal] of terminals)
          if (terminal.running) terminals.set(name, { ...terminal, running: false, reason: why })
        return null
      },
    ],
    [
      'POST',
      /^\/sandboxes\/([^/]+)\/terminals\/([^/]+)\/resize$/,
      (parts, call) => {
        const id = idIn(parts)
        const size = bodyAs(terminalSize, call)
        const terminal = terminalOf(id, parts[1] ?? '')
        doorOf(id).terminals.set(terminal.name, { ...terminal, ...size })
        return null
      },
    ],
    [
      'DELETE',
      /^\/sandboxes\/([^/]+)\/terminals\/([^/]+)$/,
      (parts) => {
        const id = idIn(parts)
        const terminal = terminalOf(id, parts[1] ?? '')
        if (terminal.running)
          doorOf(id).terminals.set(terminal.name, { ...terminal, running: false, reason: 'closed by a person' })
        return null
      },
    ],
    [
      'POST',
      /^\/kill$/,
      (_parts, call) => {
        const order = bodyAs(killOrder, call)
        for (const [id, { connections }] of doors) {
          const covered =
            order.scope === 'everything' ||
            (order.scope === 'sandbox' ? order.id === id : order.id === deps.ownerOf(id))
          if (!covered) continue
          for (const connection of connections) connection.isOpen = false
          connections.clear()
        }
        return null
      },
    ],
    [
      'PUT',
      /^\/providers\/([^/]+)$/,
      (parts, call) => {
        const id = providerIn(parts)
        byIn(call)
        bodyAs(providerSave, call)
        providers.add(id)
        return null
      },
    ],
    [
      'DELETE',
      /^\/providers\/([^/]+)$/,
      (parts, call) => {
        const id = providerIn(parts)
        byIn(call)
        providers.delete(id)
        return null
      },
    ],
    [
      'POST',
      /^\/providers\/([^/]+)\/test$/,
      (parts, call) => {
        const id = providerIn(parts)
        byIn(call)
        if (!providers.has(id)) throw new ApiError('not_found', 'There is no provider of that name.')
        return { body: { ok: true, message: 'It answers.', models: [] } }
      },
    ],
  ]

  function answerOf(call: Call): Said | Promise<Said> {
    const [path = ''] = call.path.split('?')
    for (const [method, pattern, answer] of routes) {
      const found = method === call.method ? pattern.exec(path) : null
      if (found) return answer(found.slice(1).map(decodeURIComponent), call)
    }
    throw notFound()
  }

  async function answer(request: Http2ServerRequest, response: Http2ServerResponse) {
    const path = request.url
    const [, id = '', name = ''] = /^\/sandboxes\/([^/]+)\/terminals\/([^/]+)\/stream/.exec(path) ?? []
    try {
      if (name !== '') return echo(request, response, terminalOf(idIn([id]), name))
      const call = await callOf(request)
      const wished = await deps.wish(call)
      send(response, wished === undefined ? await answerOf(call) : wished)
    } catch (error) {
      const silent = { id: 'peer', log: { error: () => {} } }
      send(response, answerTo(error, silent, { unforeseen: 'The peer failed.' }))
    }
  }

  const server = createServer((request, response) => void answer(request, response))
  const sessions = new Set<ServerHttp2Session>()
  server.on('session', (session) => sessions.add(session.once('close', () => sessions.delete(session))))
  await new Promise<void>((done) => server.listen(deps.socketPath, done))

  return {
    /** Opens a connection through a door that is open; a kill closes it. */
    connect(id: SandboxId) {
      const connection = { isOpen: true }
      doorOf(id).connections.add(connection)
      return connection
    },
    async close() {
      for (const session of sessions) session.destroy()
      await new Promise((done) => server.close(done))
    },
  }
}

/** A terminal without a program: it shows what is typed. */
function echo(request: Http2ServerRequest, response: Http2ServerResponse, { offset }: TerminalInfo) {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'x-offset': String(offset) })
  response.stream.on('error', () => {})
  request.pipe(response.stream)
}

function parseRequest<T>(schema: z.ZodType<T>, value: unknown, whole: string): T {
  const parsed = schema.safeParse(value, { error: describeIssue })
  if (!parsed.success) throw new ApiError('invalid_request', sentenceOf(parsed.error.issues, whole))
  return parsed.data
}

async function callOf(request: Http2ServerRequest): Promise<Call> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  const text = Buffer.concat(pieces).toString('utf8')
  return { method: request.method, path: request.url, body: text === '' ? undefined : jsonIn(text) }
}

function jsonIn(text: string): unknown {
  try {
    return z.unknown().parse(JSON.parse(text))
  } catch {
    throw new ApiError('invalid_request', 'The body is not valid JSON.')
  }
}

function send(response: Http2ServerResponse, said: Said) {
  response.statusCode = said === null ? 204 : (said.status ?? 200)
  if (said) response.setHeader('content-type', 'application/json')
  response.end(said ? JSON.stringify(said.body) : '')
}
