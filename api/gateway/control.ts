import fastify, { LogController } from 'fastify'
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Logger } from 'pino'
import { z } from 'zod'
import { AuditUnavailable } from '../audit/append.ts'
import { doorOpened, doorStatus, gatewayHealth, type KillOrder, killOrder } from '../contract/gateway.ts'
import { personId, type SandboxId, sandboxId, slug } from '../contract/ids.ts'
import { providerSave, providerTest } from '../contract/models.ts'
import type { PolicyInForce } from '../contract/policy.ts'
import type { ProbePlan } from '../contract/porter.ts'
import { type ExecRequest, execRequest, execResult, proof } from '../contract/prototypes.ts'
import { terminalInfo, terminalList, terminalOpen, terminalSize } from '../contract/terminal.ts'
import { ApiError, notFound } from '../errors.ts'
import { answerTo, type ErrorPolicy, validatorCompiler } from '../http-errors.ts'
import { judgeProof } from '../policy/proof.ts'
import type { Door } from './door.ts'
import type { Doors } from './doors.ts'
import type { Identities } from './identities.ts'
import type { ProviderAdmin } from './models/providers.ts'
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
/** The server vouches for the person: it alone can reach this socket. */
const byPerson = z.strictObject({ by: personId })
const byProvider = z.strictObject({ id: slug })

const errors: ErrorPolicy = {
  unforeseen: 'Something went wrong in the gateway. Its log says more.',
  recognise: (error) =>
    error instanceof AuditUnavailable ? new ApiError('audit_unavailable', error.message, { cause: error }) : null,
}

/** The gateway's control door: what the server may ask (contract/gateway.ts). Never listens by itself. */
export function buildControl({ doors, identities, providers, auditHealthy, log }: ControlDeps) {
  const logController = new LogController({ disableRequestLogging: true })
  const app = fastify({ http2: true, loggerInstance: log, logController, bodyLimit: 4 * 1_048_576 })
    .setValidatorCompiler(validatorCompiler)
    .setSerializerCompiler(serializerCompiler)
    .withTypeProvider<ZodTypeProvider>()

  app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload))
  app.setErrorHandler((error, request, reply) => {
    const { status, body } = answerTo(error, request, errors)
    return reply.code(status).send(body)
  })
  app.setNotFoundHandler(() => {
    throw notFound()
  })

  const doorOf = (id: SandboxId): Door => {
    const door = doors.find(id)
    if (!door) throw new ApiError('sandbox_not_ready', 'This sandbox is not running.')
    return door
  }
  const readyDoor = (id: SandboxId): Door => {
    const door = doorOf(id)
    if (!door.link.connected())
      throw new ApiError('sandbox_not_ready', 'The sandbox does not answer yet. Try again in a moment.')
    return door
  }

  app.get('/healthz', { schema: { response: { 200: gatewayHealth } } }, async () => {
    const audit = auditHealthy()
    return { ok: audit, audit, reason: audit ? null : 'The audit log cannot be written: everything is denied.' }
  })

  app.put('/sandboxes/:id', { schema: { params: byId, response: { 200: doorOpened } } }, async ({ params }) => {
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
      porter: door?.link.connected() ? ('connected' as const) : ('absent' as const),
      connections: door?.connections() ?? 0,
    }
  })

  app.post('/sandboxes/:id/prove', { schema: { params: byId, response: { 200: proof } } }, async ({ params }) => {
    await identities.refresh()
    const { results } = await readyDoor(params.id).link.probe(probePlanOf(identities.identityOf(params.id)?.policy))
    return judgeProof(results, new Date())
  })
  app.post(
    '/sandboxes/:id/exec',
    { schema: { params: byId, body: execRequest, response: { 200: execResult } } },
    async ({ params, body }) => {
      const request: ExecRequest = body
      return readyDoor(params.id).link.exec(request)
    },
  )

  app.get(
    '/sandboxes/:id/terminals',
    { schema: { params: byId, response: { 200: terminalList } } },
    async ({ params }) => ({
      items: await doorOf(params.id).terminals.list(),
    }),
  )
  app.post(
    '/sandboxes/:id/terminals',
    { schema: { params: byId, body: terminalOpen, response: { 200: terminalInfo } } },
    async ({ params, body }) => readyDoor(params.id).terminals.open(body),
  )
  app.post(
    '/sandboxes/:id/terminals/:name/resize',
    { schema: { params: byName, body: terminalSize } },
    async ({ params, body }, reply) => {
      await doorOf(params.id).terminals.resize(params.name, body)
      return reply.code(204).send()
    },
  )
  app.delete('/sandboxes/:id/terminals/:name', { schema: { params: byName } }, async ({ params }, reply) => {
    await doorOf(params.id).terminals.remove(params.name)
    return reply.code(204).send()
  })
  const from = z.strictObject({ offset: z.coerce.number().int().nonnegative().optional() })
  app.post(
    '/sandboxes/:id/terminals/:name/stream',
    { schema: { params: byName, querystring: from } },
    async (request, reply) => {
      const { params, query } = request
      const attached = await doorOf(params.id).terminals.stream(params.name, query.offset ?? null)
      reply.hijack()
      streamTerminal(request.raw.stream, attached)
    },
  )

  app.post('/kill', { schema: { body: killOrder } }, async ({ body }, reply) => {
    await identities.refresh()
    doors.cut((id) => coveredBy(body, id, identities))
    return reply.code(204).send()
  })

  app.put(
    '/providers/:id',
    { schema: { params: byProvider, querystring: byPerson, body: providerSave } },
    async ({ params, query, body }, reply) => {
      await providers.save(params.id, body, query.by)
      return reply.code(204).send()
    },
  )
  app.delete(
    '/providers/:id',
    { schema: { params: byProvider, querystring: byPerson } },
    async ({ params, query }, reply) => {
      await providers.remove(params.id, query.by)
      return reply.code(204).send()
    },
  )
  app.post('/providers/:id/test', { schema: { params: byProvider, response: { 200: providerTest } } }, ({ params }) =>
    providers.test(params.id),
  )

  return app
}

/** One host that the policy allows by its whole name, so that the proof also shows what works. */
function probePlanOf(policy: PolicyInForce | undefined): ProbePlan {
  const rule = policy?.egress.find(({ host, protocol }) => protocol === 'tls' && !host.startsWith('*'))
  const [port] = rule?.ports ?? []
  return {
    allowed: rule && port ? { host: rule.host, port } : null,
    workspaceExec: policy?.tools.workspaceExec ?? true,
  }
}

function coveredBy(order: KillOrder, id: SandboxId, identities: Identities) {
  if (order.scope === 'everything') return true
  if (order.scope === 'sandbox') return order.id === id
  return identities.personOf(id) === order.id
}
