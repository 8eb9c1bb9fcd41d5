/** The runner's verbs over HTTP (contract/runner.ts): parse, call, answer. Never listens. */
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { z } from 'zod'
import { sandboxId } from '../contract/ids.ts'
import type { DoctorReport, ImageProgress, RunnerEvent } from '../contract/runner.ts'
import { imageBuild, sandboxSpec } from '../contract/runner.ts'
import { notFound } from '../errors.ts'
import { answerTo, parseRequest, toApiError } from '../http-errors.ts'
import type { Images } from './images/build.ts'
import type { Verbs } from './verbs.ts'

export type RunnerOptions = {
  verbs: Verbs
  images: Images
  doctor: () => Promise<DoctorReport>
  /** The engine's version, or throws. */
  engineVersion: () => Promise<string>
  events: (signal: AbortSignal) => AsyncIterable<RunnerEvent>
  log: Logger
}

/** The caller is the server, on a socket that only it can open: it may read what went wrong, but not how it looks inside. */
const errors = { unforeseen: 'The runner failed at this. Its log says why.' }

const byId = z.strictObject({ id: sandboxId })
const idOf = ({ params }: FastifyRequest) => parseRequest(byId, params, 'the address').id
const removal = z.strictObject({ workspace: z.enum(['remove', 'keep']).default('remove') })

export function buildRunner({ verbs, images, doctor, engineVersion, events, log }: RunnerOptions) {
  const app = Fastify({
    loggerInstance: log,
    bodyLimit: 1_048_576,
    forceCloseConnections: true,
  })

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

  app.get('/healthz', async () =>
    engineVersion().then(
      (engine) => ({ ok: true, engine, reason: null }),
      (error: unknown) => ({ ok: false, engine: null, reason: toApiError(error, errors).message }),
    ),
  )
  app.get('/v1/doctor', () => doctor())
  app.get('/v1/sandboxes', async () => ({ items: await verbs.list() }))
  app.post('/v1/sandboxes', async (request, reply) => {
    const made = await verbs.create(parseRequest(sandboxSpec, request.body, 'the body'))
    return reply.code(201).send(made)
  })
  app.get('/v1/sandboxes/:id', (request) => verbs.get(idOf(request)))
  app.get('/v1/sandboxes/:id/stats', (request) => verbs.stats(idOf(request)))
  app.post('/v1/sandboxes/:id/start', (request) => verbs.start(idOf(request)))
  app.post('/v1/sandboxes/:id/stop', (request) => verbs.stop(idOf(request)))
  app.post('/v1/sandboxes/:id/pause', (request) => verbs.pause(idOf(request)))
  app.post('/v1/sandboxes/:id/unpause', (request) => verbs.unpause(idOf(request)))
  app.delete('/v1/sandboxes/:id', async (request, reply) => {
    await verbs.remove(idOf(request), parseRequest(removal, request.query, 'the address').workspace)
    return reply.code(204).send()
  })

  app.post('/v1/images', async (request, reply) => {
    const { tools } = parseRequest(imageBuild, request.body, 'the body')
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

/** Takes the answer over from Fastify; what is written after the reader left is dropped. */
function ndjson<T>(reply: FastifyReply): (value: T) => void {
  reply.hijack()
  reply.raw.writeHead(200, { 'content-type': 'application/x-ndjson' })
  reply.raw.flushHeaders()
  return (value) => {
    if (!reply.raw.destroyed) reply.raw.write(`${JSON.stringify(value)}\n`)
  }
}
