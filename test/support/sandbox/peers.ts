/** Real servers on unix sockets that speak the runner's and the gateway's contract, with what the test wants them to say. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttp2, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGatewayClient } from '../../../api/server/nodes/gateway.ts'
import { createRunnerClient } from '../../../api/server/nodes/runner.ts'

export interface Call {
  method: string
  path: string
  body: unknown
}
/** Null: 204. */
export type Said = { status?: number; body: unknown } | null
type Answers = (call: Call) => Said | undefined | Promise<Said | undefined>

const IMAGE = 'backlot/sandbox:0123456789abcdef'

/** What both say when the test has no other wish: everything works, the sandbox proves well. */
export async function startPeers() {
  const folder = await mkdtemp(join(tmpdir(), 'backlot-peers-'))
  const calls: Call[] = []
  const containers = new Map<string, string>()
  const wishes: { runner: Answers; gateway: Answers } = { runner: () => undefined, gateway: () => undefined }
  const events = new Set<ServerResponse>()

  async function answerRunner(request: IncomingMessage, response: ServerResponse) {
    const call = await callOf(request)
    calls.push(call)
    if (call.path === '/v1/events') {
      events.add(response)
      return response.writeHead(200).flushHeaders()
    }
    const wish = await wishes.runner(call)
    if (wish !== undefined) return send(response, wish)
    if (call.path === '/v1/images') {
      response.write(`${JSON.stringify({ type: 'step', step: 1, steps: 2, text: 'Laying the base' })}\n`)
      return response.end(`${JSON.stringify({ type: 'done', image: IMAGE })}\n`)
    }
    send(response, runnerSays(call, containers))
  }

  async function answerGateway(request: Http2ServerRequest, response: Http2ServerResponse) {
    const call = await callOf(request)
    calls.push(call)
    const said = (await wishes.gateway(call)) ?? gatewaySays(call)
    send(response, said)
  }

  const runnerServer = createHttp((request, response) => void answerRunner(request, response))
  const gatewayServer = createHttp2((request, response) => void answerGateway(request, response))
  const sockets = { runner: join(folder, 'runner.sock'), gateway: join(folder, 'gateway.sock') }
  await new Promise<void>((done) => runnerServer.listen(sockets.runner, done))
  await new Promise<void>((done) => gatewayServer.listen(sockets.gateway, done))
  const runner = createRunnerClient(sockets.runner)
  const gateway = createGatewayClient(sockets.gateway)

  return {
    runner,
    gateway,
    calls,
    containers,
    wishes,
    sockets,
    /** The runner's event stream says something to everybody who listens. */
    tell: (event: object) => {
      for (const each of events) each.write(`${JSON.stringify(event)}\n`)
    },
    async close() {
      gateway.close()
      await runner.close()
      runnerServer.closeAllConnections()
      await Promise.all([runnerServer, gatewayServer].map((server) => new Promise((done) => server.close(done))))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function runnerSays({ method, path, body }: Call, containers: Map<string, string>): Said {
  const [, id = '', verb = ''] = /^\/v1\/sandboxes\/(sb_\w+)(\/\w+)?/.exec(path) ?? []
  const view = (one: string) => ({
    id: one,
    container: `backlot-${one}`,
    image: IMAGE,
    state: containers.get(one),
    exitCode: null,
    oomKilled: false,
  })
  if (path === '/healthz') return { body: { ok: true, engine: '26.0', reason: null } }
  if (path === '/v1/doctor') return { body: { runtimes: ['runc'], unlimited: {}, sizedWorkspace: true, checks: [] } }
  if (path === '/v1/sandboxes' && method === 'GET') return { body: { items: [...containers.keys()].map(view) } }
  if (path === '/v1/sandboxes') {
    const made = idIn(body)
    containers.set(made, 'running')
    return { status: 201, body: view(made) }
  }
  if (method === 'DELETE') {
    containers.delete(id)
    return null
  }
  const missing = { code: 'not_found', message: 'There is no such container.', requestId: 'r' }
  if (!containers.has(id)) return { status: 404, body: { error: missing } }
  const states: Record<string, string> = {
    '/start': 'running',
    '/stop': 'exited',
    '/pause': 'paused',
    '/unpause': 'running',
  }
  containers.set(id, states[verb] ?? containers.get(id) ?? 'running')
  return { body: view(id) }
}

function gatewaySays({ method, path }: Call): Said {
  if (path === '/healthz') return { body: { ok: true, audit: true, reason: null } }
  if (path.endsWith('/prove')) {
    const probes = [{ probe: 'raw-address', expected: 'refused', got: 'refused', detail: '' }]
    return { body: { ok: true, at: new Date().toISOString(), probes } }
  }
  if (path.endsWith('/exec')) return { body: { exitCode: 0, stdout: 'hello\n', stderr: '', truncated: false } }
  if (path.endsWith('/terminals')) return { body: { items: [] } }
  if (path.endsWith('/test')) return { body: { ok: true, message: 'It answers.', models: [] } }
  if (method === 'PUT' && path.startsWith('/sandboxes/')) return { body: { directory: '/run' } }
  if (method === 'GET') return { body: { open: true, porter: 'connected', connections: 0 } }
  return null
}

const idIn = (body: unknown) => (typeof body === 'object' && body !== null && 'id' in body ? String(body.id) : '')

async function callOf(request: IncomingMessage | Http2ServerRequest): Promise<Call> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  const text = Buffer.concat(pieces).toString('utf8')
  const body: unknown = text === '' ? undefined : JSON.parse(text)
  return { method: request.method ?? '', path: request.url ?? '', body }
}

/** Http1 and Http2 answers have these in common; TypeScript cannot call a union of overloads. */
interface Answering {
  statusCode: number
  setHeader(name: string, value: string): unknown
  end(text: string): unknown
}
function send(response: Answering, said: Said) {
  response.statusCode = said === null ? 204 : (said.status ?? 200)
  if (said) response.setHeader('content-type', 'application/json')
  response.end(said ? JSON.stringify(said.body) : '')
}
