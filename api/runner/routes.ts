/** The runner's verbs over HTTP (contract/programs/runner.ts): parse, call, answer. Never listens. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type RawServerDefault,
} from 'fastify'
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { sandboxId } from '../contract/ids.ts'
import {
  type DoctorReport,
  doctorReport,
  type ImageProgress,
  imageBuild,
  type RunnerEvent,
  runnerHealth,
  runnerSandbox,
  runnerSandboxList,
  sandboxSpec,
  sandboxStats,
} from '../contract/programs/runner.ts'
import { notFound } from '../errors.ts'
import { answerTo, toApiError, validatorCompiler } from '../http-errors.ts'
import type { Images } from './images/build.ts'
import type { Verbs } from './verbs.ts'

export type RunnerOptions = {
  verbs: Verbs
  images: Images
  doctor: () => Promise<DoctorReport>
  /** The engine's version, or throws. */
  engineVersion: () => Promise<string>
  events: (signal: AbortSignal) => AsyncIterable<RunnerEvent>
  log: FastifyBaseLogger
}

type App = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider>

/** The caller is the server, on a socket that only it can open: it may read what went wrong, but not how it looks inside. */
const errors = { unforeseen: 'The runner failed at this. Its log says why.' }

const byId = z.strictObject({ id: sandboxId })
const removal = z.strictObject({ workspace: z.enum(['remove', 'keep']).default('remove') })

export function buildRunner({ verbs, images, doctor, engineVersion, events, log }: RunnerOptions): App {
  const app: App = Fastify({
    loggerInstance: log,
    bodyLimit: 1_048_576,
    forceCloseConnections: true,
  })
    .setValidatorCompiler(validatorCompiler)
    .setSerializerCompiler(serializerCompiler)
    .withTypeProvider<ZodTypeProvider>()

  app.setErrorHandler((error, request, reply) => {
    const { status, body } = answerTo(error, request, errors)
    return reply.code(status).send(body)
  })
  app.setNotFoundHandler(() => {
    throw notFound()
  })

  app.addHook('onResponse', async (request, reply) => {
    if (request.method === 'GET') return
    const { method, url } = request
    request.log.info({ method, url, status: reply.statusCode, ms: Math.round(reply.elapsedTime) }, 'verb')
  })

  app.get('/healthz', { schema: { response: { 200: runnerHealth } } }, async () =>
    engineVersion().then(
      (engine) => ({ ok: true, engine, reason: null }),
      (error: unknown) => ({ ok: false, engine: null, reason: toApiError(error, errors).message }),
    ),
  )
  app.get('/v1/doctor', { schema: { response: { 200: doctorReport } } }, () => doctor())
  sandboxRoutes(app, verbs)
  app.post('/v1/images', { schema: { body: imageBuild } }, async (request, reply) => {
    const { tools } = request.body
    // Refuses a tool that does not exist while there is still a status to say it with.
    await images.nameOf(tools)
    const say = ndjson<ImageProgress>(reply)
    // The build goes on when the reader goes away: the next one to ask joins it.
    await images.ensure(tools, say).then(
      (image) => say({ type: 'done', image }),
      (error: unknown) => say({ type: 'failed', message: toApiError(error, errors).message }),
    )
    reply.raw.end()
  })
  app.get('/v1/events', async (_, reply) => {
    const gone = new AbortController()
    reply.raw.once('close', () => gone.abort())
    const say = ndjson<RunnerEvent>(reply)
    try {
      for await (const event of events(gone.signal)) say(event)
    } catch (error) {
      if (!gone.signal.aborted) app.log.warn({ err: error }, 'the engine ended its events')
    }
    reply.raw.end()
  })
  return app
}

function sandboxRoutes(app: App, verbs: Verbs): void {
  const one = { schema: { params: byId, response: { 200: runnerSandbox } } }

  app.get('/v1/sandboxes', { schema: { response: { 200: runnerSandboxList } } }, async () => ({
    items: await verbs.list(),
  }))
  app.post(
    '/v1/sandboxes',
    { schema: { body: sandboxSpec, response: { 201: runnerSandbox } } },
    async (request, reply) => reply.code(201).send(await verbs.create(request.body)),
  )
  app.get('/v1/sandboxes/:id', one, (request) => verbs.get(request.params.id))
  app.get('/v1/sandboxes/:id/stats', { schema: { params: byId, response: { 200: sandboxStats } } }, (request) =>
    verbs.stats(request.params.id),
  )
  app.post('/v1/sandboxes/:id/start', one, (request) => verbs.start(request.params.id))
  app.post('/v1/sandboxes/:id/stop', one, (request) => verbs.stop(request.params.id))
  app.post('/v1/sandboxes/:id/pause', one, (request) => verbs.pause(request.params.id))
  app.post('/v1/sandboxes/:id/unpause', one, (request) => verbs.unpause(request.params.id))
  app.delete(
    '/v1/sandboxes/:id',
    { schema: { params: byId, querystring: removal } },
    async ({ params, query }, reply) => {
      await verbs.remove(params.id, query.workspace)
      return reply.code(204).send()
    },
  )
}

/** Takes the answer over from Fastify; what is written after the reader left is dropped. */
function ndjson<T>(reply: FastifyReply): (value: T) => void {
  reply.hijack()
  reply.raw.writeHead(200, { 'content-type': 'application/x-ndjson' })
  reply.raw.flushHeaders()
  return (value) => {
    if (!reply.raw.destroyed) reply.raw.write(`${JSON.stringify(value)}\n`)
  }
}
