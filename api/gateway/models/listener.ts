import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import { auditEvent } from '../../audit/event.ts'
import type { AuditEvent } from '../../contract/audit.ts'
import { createRateLimiter } from '../../flow/rate-limiter.ts'
import { type Catalog, decideModel, type ModelDecision } from '../../policy/models.ts'
import type { DoorIdentity, SandboxDoor } from '../identity.ts'
import { answerRefusal, type CallEnd, forward } from './call.ts'
import type { Demo } from './demo/answer.ts'
import { refusalOf } from './denial.ts'
import { createEnds } from './ends.ts'
import { identityOf } from './identity.ts'
import { createRoom, type Held, type ModelLimits, USUAL_LIMITS } from './limits.ts'
import { createMalformed } from './malformed.ts'
import { createUpstream, type UpstreamTimeouts } from './provider/upstream.ts'
import { type ReadRequest, readBody, readRequest } from './wire/body.ts'
import { type Denied, MODEL_LIST, refusal, routeOf, shapeOf, type WireFormat } from './wire/formats.ts'
import { serverSideRefusal } from './wire/server-side.ts'

/** What the gateway knows about providers. Synchronous: it is read once for each call, and again after each change. */
export interface ProviderSource {
  catalog(): Catalog
  keyOf(provider: string): string | null
}

export interface ModelsDeps {
  door: SandboxDoor
  providers: ProviderSource
  /** Resolves when the event is committed; rejects when it cannot be, and then nothing may happen. */
  append: (event: AuditEvent) => Promise<void>
  demo: Demo
  log: Logger
  limits?: ModelLimits
  timeouts?: UpstreamTimeouts
}

const MAX_HEADER_BYTES = 32_768
const IDLE_SOCKET_MS = 120_000
/** How long the rest of a refused request's body may take. */
const UNREAD_BODY_MS = 5_000
/** Open connections of one sandbox; it can only starve itself. */
const MAX_SOCKETS = 128
/** Requests that one connection may have sent ahead of their answers. No client that is used here sends any. */
const MAX_PIPELINED = 4
/** What costs as much of the rate as one request more: each takes a few ms of the thread that all sandboxes share. */
const BYTES_PER_TOKEN = 524_288
const VALUES_PER_TOKEN = 2_000

interface OpenCall {
  asked: string
  choice: Extract<ModelDecision, { effect: 'allow' }>
  abort: AbortController
  killed: boolean
}

/**
 * One sandbox's model socket. For each request, in this order: limits → the path as it came → the body → what it would make
 * the provider do → policy and label → intent recorded, durable → the call → its end recorded. A refusal is recorded too,
 * once, and then answered in the shape that the client's own provider would use.
 */
export function createModels({ door, providers, append, demo, log, limits = USUAL_LIMITS, timeouts }: ModelsDeps) {
  const upstream = createUpstream(timeouts)
  const sockets = new Set<Socket>()
  const unanswered = new WeakMap<Socket, number>()
  const open = new Set<OpenCall>()
  const rate = createRateLimiter(limits)
  const ends = createEnds(append, log)
  const answering = new Set<Promise<void>>()
  const room = createRoom(limits)
  const state = { requests: 0, turn: Promise.resolve() }

  const server = createServer(
    { maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: IDLE_SOCKET_MS },
    (request, response) => {
      const { socket } = request
      // Cut off below: the parser goes on to the end of what it was given.
      if (socket.destroyed) return
      request.on('error', () => undefined)
      response.on('error', () => undefined)
      state.requests++
      // The time for a request to come is over; from here on the limits of body and provider count.
      socket.setTimeout(0)
      const ahead = (unanswered.get(socket) ?? 0) + 1
      unanswered.set(socket, ahead)
      response.on('close', () => unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1))
      if (ahead > MAX_PIPELINED) socket.destroy()
      const answered = answer(request, response)
        .catch((error: unknown) => {
          log.error({ err: error }, 'a model request failed in the gateway')
          response.destroy()
        })
        .finally(() => {
          state.requests--
          answering.delete(answered)
        })
      answering.add(answered)
    },
  )
  const unread = createMalformed({ door, append, rate, refusalWaitMs: limits.refusalWaitMs })
  server.on('clientError', (error: Error & { code?: string }, socket: Socket) => {
    // The rest of a body: its request has an event of its own.
    if (unanswered.get(socket)) socket.destroy()
    else unread(error.code ?? '', socket)
  })

  async function answer(request: IncomingMessage, response: ServerResponse) {
    const target = request.url ?? ''
    const shape = shapeOf(target, request.headers['anthropic-version'] !== undefined)
    const who = door.current()
    const refuse = (given: Denied, more: Partial<Refused> = {}) =>
      deny(response, { who, format: shape, refusal: given, path: target, alias: null, rule: null, ...more })

    if (!rate.take()) {
      await wait(limits.refusalWaitMs)
      return refuse(refusal(429, 'rate-limit', 'Too many model requests in a short time. Wait a second and try again.'))
    }
    if (!who) return refuse(refusal(403, 'no-identity', 'This sandbox is not in use, so it may not ask a model.'))
    if (state.requests > limits.calls || request.socket.destroyed)
      return refuse(
        refusal(
          429,
          'too-many-calls',
          `At most ${limits.calls} model requests may run at one time. Wait for one to end.`,
        ),
      )
    const route = routeOf(request.method ?? '', target)
    if (route.to === 'refused') return refuse(route.refusal)
    if (route.to === 'list') {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(MODEL_LIST)
      return
    }
    const held = room.hold()
    try {
      const read = await readHeld(request, held)
      if (read === null) return
      if ('status' in read) {
        held.release()
        return await refuse(read, { format: route.format })
      }
      const refused = serverSideRefusal(route.format, read.body)
      if (refused) return await refuse(refused, { format: route.format, alias: read.body.model })
      await callModel(read, { request, response, format: route.format, path: route.path, who })
    } finally {
      held.release()
    }
  }

  /** Null: the client went away. */
  async function readHeld(request: IncomingMessage, held: Held): Promise<ReadRequest | Denied | null> {
    if (request.headers['content-encoding']) return refusal(415, 'body-encoded', 'Send the request body uncompressed.')
    const { bodyBytes: maxBytes, bodyTimeoutMs: timeoutMs } = limits
    const bytes = await readBody(request, { maxBytes, timeoutMs, take: held.take })
    rate.reserve(Math.floor(held.bytes() / BYTES_PER_TOKEN))
    if (bytes === null || 'status' in bytes) return bytes
    // One body for each turn of the event loop, so that other sandboxes are served between two of them.
    state.turn = state.turn.then(() => nextTurn())
    await state.turn
    return readRequest(bytes, (values) => rate.reserve(Math.floor(values / VALUES_PER_TOKEN)))
  }

  async function callModel(read: ReadRequest, { request, response, format, path, who }: InCall) {
    const asked = read.body.model
    const choice = decideModel(who.policy, who.label, asked, providers.catalog())
    const refuse = (given: Denied, rule: string | null) =>
      deny(response, { who, format, refusal: given, path, alias: asked, rule })
    if (choice.effect === 'deny') return refuse(refusalOf(choice.reason, choice.wanted, who.label), choice.rule)
    if (choice.provider.kind === 'anthropic' && format === 'responses')
      return refuse(
        refusal(
          400,
          'format-not-offered',
          'The assigned model is offered as /v1/messages and /v1/chat/completions only.',
        ),
        choice.rule,
      )

    const call: OpenCall = { asked, choice, abort: new AbortController(), killed: false }
    const correlation = randomUUID()
    const detail = { path, alias: asked, provider: choice.provider.id, model: choice.model }
    const common = { ...identityOf(who), rule: choice.rule, correlation }
    // Known before it is recorded, so that a kill or a change of policy during the wait covers it.
    open.add(call)
    try {
      try {
        await append(auditEvent('model.request', { ...common, decision: 'allow', reason: 'allowed', detail }))
      } catch {
        return answerRefusal(response, format, NOT_RECORDED)
      }
      const startedAt = performance.now()
      const end: CallEnd = call.killed
        ? { status: null, firstByteMs: null, inputTokens: null, outputTokens: null, outcome: 'client-closed' }
        : await forward(
            {
              path,
              format,
              provider: choice.provider,
              body: read.body,
              text: read.withModel(choice.model),
              key: providers.keyOf(choice.provider.id),
              abort: call.abort,
            },
            { request, response, upstream, demo },
          )
      if (call.killed) response.destroy()
      const outcome = call.killed ? 'killed' : end.outcome
      const latencyMs = Math.round(performance.now() - startedAt)
      ends.record(
        auditEvent('model.call', {
          ...common,
          decision: 'info',
          reason: outcome,
          detail: { ...detail, ...end, outcome, latencyMs },
        }),
      )
    } finally {
      open.delete(call)
    }
  }

  async function deny(response: ServerResponse, { who, format, refusal: given, path, alias, rule }: Refused) {
    const event = auditEvent('model.request', {
      ...(who ? identityOf(who) : { actor: { type: 'sandbox', id: door.id }, sandbox: door.id }),
      decision: 'deny',
      reason: given.reason,
      rule,
      correlation: randomUUID(),
      detail: { path, alias, provider: null, model: null },
    })
    const recorded = await append(event).then(
      () => true,
      () => false,
    )
    answerRefusal(response, format, recorded ? given : NOT_RECORDED)
    // node:http reads an unread body away so that the client gets its answer; one that does not end is cut off.
    const { req } = response
    if (!req.complete) setTimeout(() => req.complete || req.destroy(), UNREAD_BODY_MS).unref()
  }

  function kill(covers: (call: OpenCall) => boolean) {
    for (const call of open) {
      if (!covers(call)) continue
      call.killed = true
      call.abort.abort()
    }
  }

  return {
    handle(socket: Socket) {
      socket.on('error', () => undefined)
      if (sockets.size >= MAX_SOCKETS) return socket.destroy()
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.setTimeout(IDLE_SOCKET_MS)
      socket.once('close', () => sockets.delete(socket))
      server.emit('connection', socket)
    },
    /** A call goes on only while the same question would still get the same model. */
    rejudge() {
      const who = door.current()
      kill(({ asked, choice }) => {
        if (!who) return true
        const now = decideModel(who.policy, who.label, asked, providers.catalog())
        return now.effect === 'deny' || now.provider.id !== choice.provider.id || now.model !== choice.model
      })
    },
    /**
     * Ends every call and connection, to the sandbox and to providers, at once. New ones are taken again afterwards. Resolves
     * when the ends of those calls are in the log: wait for it before the log's writer is closed.
     */
    async closeAll(why: string): Promise<void> {
      log.debug({ why, calls: open.size }, 'model connections closed')
      kill(() => true)
      for (const socket of sockets) socket.destroy()
      await upstream.close().catch((error: unknown) => log.warn({ err: error }, 'a provider connection did not close'))
      await Promise.all(answering)
      await ends.settle()
    },
    connections: () => sockets.size,
  }
}

const NOT_RECORDED = refusal(
  503,
  'audit-unavailable',
  'Backlot cannot write its log at the moment, so nothing may leave. Try again in a minute.',
)

interface Refused {
  who: DoorIdentity | null
  format: WireFormat
  refusal: Denied
  path: string
  alias: string | null
  rule: string | null
}
interface InCall {
  request: IncomingMessage
  response: ServerResponse
  format: WireFormat
  path: string
  who: DoorIdentity
}
