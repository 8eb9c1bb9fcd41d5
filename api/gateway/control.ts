import type { Http2Server, ServerHttp2Session } from 'node:http2'
import fastify, { type FastifyRequest, LogController, type RouteGenericInterface } from 'fastify'
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Logger } from 'pino'
import { z } from 'zod'
import { AuditUnavailable } from '../audit/append.ts'
import { personId, type SandboxId, sandboxId, slug } from '../contract/ids.ts'
import { providerSave, providerTest } from '../contract/models.ts'
import { doorOpened, doorStatus, gatewayHealth, type KillOrder, killOrder } from '../contract/programs/gateway.ts'
import { type ExecRequest, execRequest, execResult, proof } from '../contract/prototypes.ts'
import { terminalInfo, terminalList, terminalOpen, terminalSize, terminalsEnd } from '../contract/terminal.ts'
import { ApiError, notFound } from '../errors.ts'
import { answerTo, type ErrorPolicy, validatorCompiler } from '../http-errors.ts'
import type { Door } from './door.ts'
import type { Doors } from './doors.ts'
import type { Identities } from './identities.ts'
import type { ProviderAdmin } from './models/providers.ts'
import { prove } from './prove.ts'
import { streamTerminal } from './stream.ts'

interface ControlDeps {
  doors: Doors
  identities: Identities
  providers: ProviderAdmin
  auditHealthy: () => boolean
  log: Logger
}

const byId = z.strictObject({ id: sandboxId })
const byName = z.strictObject({ id: sandboxId, name: slug })
const fromOffset = z.strictObject({ offset: z.coerce.number().int().nonnegative().optional() })
/** The server vouches for the person: it alone can reach this socket. */
const byPerson = z.strictObject({ by: personId })
const byProvider = z.strictObject({ id: slug })

const errors: ErrorPolicy = {
  unforeseen: 'Something went wrong in the gateway. Its log says more.',
  recognise: (error) =>
    error instanceof AuditUnavailable ? new ApiError('audit_unavailable', error.message, { cause: error }) : null,
}

/** The gateway's control socket: what the server may ask (contract/programs/gateway.ts). Never listens by itself. */
export function buildControl({ doors, identities, providers, auditHealthy, log }: ControlDeps) {
  const app = createApp(log)
  app.get('/healthz', { schema: { response: { 200: gatewayHealth } } }, async () => {
    const audit = auditHealthy()
    return { ok: audit, audit, reason: audit ? null : 'The audit log cannot be written: everything is denied.' }
  })
  app.post('/kill', { schema: { body: killOrder } }, async ({ body }, reply) => {
    const cut = () => doors.cut((id) => covers(body, id, identities))
    // What is open ends although the database may not answer; what was opened meanwhile ends after it was read.
    cut()
    await identities.refresh().finally(cut)
    return reply.code(204).send()
  })
  doorRoutes(app, doors, identities)
  porterRoutes(app, doors, identities)
  terminalRoutes(app, doors, identities)
  providerRoutes(app, providers)
  return app
}

/** Calls that are being answered get this long at the gateway's own end. */
const GRACE_MS = 500

/** Node waits for every HTTP/2 stream, and a terminal that somebody looks into is one without an end. */
function endSessionsAtClose(server: Http2Server, beforeClose: (end: () => void) => void): void {
  const sessions = new Set<ServerHttp2Session>()
  server.on('session', (session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
  })
  beforeClose(() => {
    for (const session of sessions) {
      session.close()
      setTimeout(() => session.destroy(), GRACE_MS).unref()
    }
  })
}

function createApp(log: Logger) {
  const logController = new LogController({ disableRequestLogging: true })
  const app = fastify({ http2: true, loggerInstance: log, logController, bodyLimit: 4 * 1_048_576 })
    .setValidatorCompiler(validatorCompiler)
    .setSerializerCompiler(serializerCompiler)
    .withTypeProvider<ZodTypeProvider>()
  endSessionsAtClose(app.server, (end) => app.addHook('preClose', async () => end()))
  // A terminal's stream is read as it comes.
  app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload))
  app.setErrorHandler((error, request, reply) => {
    const { status, body } = answerTo(error, request, errors)
    return reply.code(status).send(body)
  })
  app.setNotFoundHandler(() => {
    throw notFound()
  })
  return app
}
type ControlApp = ReturnType<typeof createApp>

function covers(order: KillOrder, id: SandboxId, identities: Identities): boolean {
  if (order.scope === 'everything') return true
  if (order.scope === 'sandbox') return order.id === id
  return identities.ownerOf(id)?.person === order.id
}

function openDoorOf(doors: Doors, id: SandboxId): Door {
  const door = doors.find(id)
  if (!door) throw new ApiError('sandbox_not_ready', 'This sandbox is not running.')
  return door
}

/** For everything but the proof itself: a sandbox that is stopped, or on hold, runs nothing that came a moment too late. */
async function usableDoorOf(doors: Doors, identities: Identities, id: SandboxId): Promise<Door> {
  connectedDoorOf(doors, id)
  const isClaimed = () => identities.identityOf(id)?.proving === false
  // Whoever asks may have read the newest row before we were notified of it.
  if (!isClaimed()) await identities.refresh()
  if (!isClaimed())
    throw new ApiError('sandbox_not_ready', 'Nobody can work in this sandbox now. Look at its page for the reason.')
  const door = connectedDoorOf(doors, id)
  if (!door.porter.isTrusted())
    throw new ApiError(
      'sandbox_not_ready',
      'The sandbox was started again and is being checked. Try again in a moment.',
    )
  return door
}

function connectedDoorOf(doors: Doors, id: SandboxId): Door {
  const door = openDoorOf(doors, id)
  if (!door.porter.connected())
    throw new ApiError('sandbox_not_ready', 'The sandbox does not answer yet. Try again in a moment.')
  return door
}

/** Fires when the caller leaves. What was closed before anybody listened says nothing any more. */
const signalOf = ({ raw, signal }: FastifyRequest<RouteGenericInterface, Http2Server>): AbortSignal =>
  raw.stream.destroyed ? AbortSignal.abort() : signal

function doorRoutes(app: ControlApp, doors: Doors, identities: Identities): void {
  app.put('/sandboxes/:id', { schema: { params: byId, response: { 200: doorOpened } } }, async ({ params }) => {
    // Its runtime may have changed a moment ago.
    await identities.refresh()
    await doors.open(params.id)
    return { directory: doors.directoryOf(params.id) }
  })
  app.delete('/sandboxes/:id', { schema: { params: byId } }, async ({ params }, reply) => {
    await doors.close(params.id, { remove: true })
    return reply.code(204).send()
  })
  app.get('/sandboxes/:id', { schema: { params: byId, response: { 200: doorStatus } } }, async ({ params }) => {
    const door = doors.find(params.id)
    return {
      open: door !== null,
      porter: door?.porter.connected() ? ('connected' as const) : ('absent' as const),
      trusted: door?.porter.isTrusted() ?? true,
      connections: door?.connections() ?? 0,
    }
  })
}

function porterRoutes(app: ControlApp, doors: Doors, identities: Identities): void {
  const proving = { schema: { params: byId, response: { 200: proof } } }
  app.post('/sandboxes/:id/prove', proving, async (request) => {
    const { porter } = openDoorOf(doors, request.params.id)
    return prove(request.params.id, { identities, porter, signal: signalOf(request) })
  })
  const exec = { schema: { params: byId, body: execRequest, response: { 200: execResult } } }
  app.post('/sandboxes/:id/exec', exec, async (request) => {
    const command: ExecRequest = request.body
    const signal = signalOf(request)
    const { porter } = await usableDoorOf(doors, identities, request.params.id)
    return porter.exec(command, signal)
  })
}

function terminalRoutes(app: ControlApp, doors: Doors, identities: Identities): void {
  const list = { schema: { params: byId, response: { 200: terminalList } } }
  app.get('/sandboxes/:id/terminals', list, async ({ params }) => ({
    items: await openDoorOf(doors, params.id).terminals.list(),
  }))
  const open = { schema: { params: byId, body: terminalOpen, response: { 200: terminalInfo } } }
  app.post('/sandboxes/:id/terminals', open, async ({ params, body }) => {
    const { terminals } = await usableDoorOf(doors, identities, params.id)
    return terminals.open(body)
  })
  app.post('/sandboxes/:id/terminals/end', { schema: { params: byId, body: terminalsEnd } }, async (request, reply) => {
    await doors.find(request.params.id)?.terminals.endAll(request.body.why)
    return reply.code(204).send()
  })
  const resize = { schema: { params: byName, body: terminalSize } }
  app.post('/sandboxes/:id/terminals/:name/resize', resize, async ({ params, body }, reply) => {
    await openDoorOf(doors, params.id).terminals.resize(params.name, body)
    return reply.code(204).send()
  })
  app.delete('/sandboxes/:id/terminals/:name', { schema: { params: byName } }, async ({ params }, reply) => {
    await openDoorOf(doors, params.id).terminals.remove(params.name)
    return reply.code(204).send()
  })
  const stream = { schema: { params: byName, querystring: fromOffset } }
  app.post('/sandboxes/:id/terminals/:name/stream', stream, async (request, reply) => {
    const { params, query } = request
    const attached = await openDoorOf(doors, params.id).terminals.stream(params.name, query.offset ?? null)
    reply.hijack()
    streamTerminal(request.raw.stream, attached)
  })
}

function providerRoutes(app: ControlApp, providers: ProviderAdmin): void {
  const save = { schema: { params: byProvider, querystring: byPerson, body: providerSave } }
  app.put('/providers/:id', save, async ({ params, query, body }, reply) => {
    await providers.save(params.id, body, query.by)
    return reply.code(204).send()
  })
  const remove = { schema: { params: byProvider, querystring: byPerson } }
  app.delete('/providers/:id', remove, async ({ params, query }, reply) => {
    await providers.remove(params.id, query.by)
    return reply.code(204).send()
  })
  const test = { schema: { params: byProvider, querystring: byPerson, response: { 200: providerTest } } }
  app.post('/providers/:id/test', test, ({ params, query }) => providers.test(params.id, query.by))
}
