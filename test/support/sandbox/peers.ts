/** Real servers on unix sockets that speak the runner's and the gateway's contract, with what the test wants them to say. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGatewayClient } from '../../../api/server/nodes/gateway.ts'
import { createRunnerClient } from '../../../api/server/nodes/runner.ts'
import { type Answers, type Call, type Said, startGatewayPeer } from './gateway-peer.ts'

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

  const runnerServer = createServer((request, response) => void answerRunner(request, response))
  const sockets = { runner: join(folder, 'runner.sock'), gateway: join(folder, 'gateway.sock') }
  await new Promise<void>((done) => runnerServer.listen(sockets.runner, done))
  const gatewayPeer = await startGatewayPeer({
    // The program in a container dials as soon as it runs.
    hasPorter: (id) => containers.get(id) === 'running',
    ownerOf: () => null,
    async wish(call) {
      calls.push(call)
      return wishes.gateway(call)
    },
    socketPath: sockets.gateway,
  })
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
      await new Promise((done) => runnerServer.close(done))
      await gatewayPeer.close()
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
  if (path === '/v1/doctor')
    return { body: { runtimes: ['runc'], unlimited: {}, escapes: {}, sizedWorkspace: true, checks: [] } }
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

const idIn = (body: unknown) => (typeof body === 'object' && body !== null && 'id' in body ? String(body.id) : '')

async function callOf(request: IncomingMessage): Promise<Call> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  const text = Buffer.concat(pieces).toString('utf8')
  const body: unknown = text === '' ? undefined : JSON.parse(text)
  return { method: request.method ?? '', path: request.url ?? '', body }
}

function send(response: ServerResponse, said: Said) {
  response.statusCode = said === null ? 204 : (said.status ?? 200)
  if (said) response.setHeader('content-type', 'application/json')
  response.end(said ? JSON.stringify(said.body) : '')
}
