import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import type { Append } from '../../audit/append.ts'
import type { Outbox } from '../../audit/outbox.ts'
import { createRateLimiter } from '../../flow/rate-limiter.ts'
import type { EventBudget } from '../budget/budget.ts'
import type { SandboxDoor } from '../identity.ts'
import { createPassages, type Stop } from '../passage.ts'
import { createAnswerer } from './answer.ts'
import { createCaller, type ProviderSource } from './call.ts'
import type { Demo } from './demo/answer.ts'
import { repeatable } from './events.ts'
import { type ModelLimits, USUAL_LIMITS } from './limits.ts'
import { createMalformed } from './malformed.ts'
import { createUpstream, type UpstreamTimeouts } from './provider/upstream.ts'
import { createRefuse } from './refuse.ts'

export interface ModelsDeps {
  sandbox: SandboxDoor
  providers: ProviderSource
  append: Append
  /** The sandbox's own: what it owes to the log. */
  outbox: Pick<Outbox, 'gather'>
  budget: Pick<EventBudget, 'admit' | 'record'>
  demo: Demo
  log: Logger
  limits?: ModelLimits
  timeouts?: UpstreamTimeouts
}

const MAX_HEADER_BYTES = 32_768
const IDLE_SOCKET_MS = 120_000
/** Open connections of one sandbox; it can only starve itself. */
const MAX_SOCKETS = 128
/** Requests that one connection may have sent ahead of their answers. No client that is used here sends any. */
const MAX_PIPELINED = 4

/** One sandbox's model socket: accepts (here), answers (answer.ts), calls (call.ts). */
export function createModels(deps: ModelsDeps) {
  const { sandbox, providers, append, outbox, budget, demo, log, limits = USUAL_LIMITS, timeouts } = deps
  const upstream = createUpstream(timeouts)
  const passages = createPassages({ sandbox, append, sendEnd: outbox.gather, log })
  const rateLimiter = createRateLimiter(limits)
  const refuse = createRefuse(sandbox, budget.record)
  const call = createCaller({ sandbox, providers, passages, budget, refuse, upstream, demo })
  const answering = new Set<Promise<void>>()
  const answer = createAnswerer({ sandbox, limits, rateLimiter, refuse, call })
  const { refusalWaitMs } = limits
  const refuseMalformed = createMalformed({ sandbox, record: budget.record, rateLimiter, refusalWaitMs })
  const recordTurnedAway = () => {
    const reason = 'too-many-connections'
    void budget.record(repeatable(sandbox.id, { reason, identity: sandbox.current() }))
  }
  const sockets = createAccepting({ answer, answering, refuseMalformed, recordTurnedAway, log })

  return {
    handle: sockets.accept,
    /** A call goes on only while the same question would still get the same model. */
    rejudge: passages.rejudge,
    /**
     * Ends every call and connection, to the sandbox and to providers, at once. New ones are taken again afterwards. Resolves
     * when those calls have handed what they owe to the outbox: flush that before the log's writer is closed.
     */
    async closeAll(why: Stop): Promise<void> {
      log.debug({ why, calls: passages.size() }, 'model connections closed')
      passages.stopAll(why)
      sockets.destroyAll()
      await upstream.close().catch((error: unknown) => log.warn({ err: error }, 'a provider connection did not close'))
      await Promise.all(answering)
    },
    connections: sockets.size,
  }
}

interface AcceptDeps {
  answer(request: IncomingMessage, response: ServerResponse, underWay: number): Promise<void>
  /** Holds what is being answered. */
  answering: Set<Promise<void>>
  refuseMalformed: ReturnType<typeof createMalformed>
  recordTurnedAway(): void
  log: Logger
}

/** Reads HTTP from the connections of one socket, so many at once, and has each request answered. */
function createAccepting({ answer, answering, refuseMalformed, recordTurnedAway, log }: AcceptDeps) {
  const sockets = new Set<Socket>()
  const unanswered = new WeakMap<Socket, number>()

  function receive(request: IncomingMessage, response: ServerResponse) {
    const { socket } = request
    // Cut off below: the parser goes on to the end of what it was given.
    if (socket.destroyed) return
    request.on('error', () => undefined)
    response.on('error', () => undefined)
    // The time for a request to come is over; from here on the limits of body and provider count.
    socket.setTimeout(0)
    const ahead = (unanswered.get(socket) ?? 0) + 1
    unanswered.set(socket, ahead)
    response.on('close', () => unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1))
    if (ahead > MAX_PIPELINED) socket.destroy()
    const answered = answer(request, response, answering.size + 1)
      .catch((error: unknown) => {
        log.error({ err: error }, 'a model request failed in the gateway')
        response.destroy()
      })
      .finally(() => answering.delete(answered))
    answering.add(answered)
  }

  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: IDLE_SOCKET_MS }, receive)
  server.on('clientError', (error: Error & { code?: string }, socket: Socket) => {
    // The rest of a body: its request has an event of its own.
    if (unanswered.get(socket)) socket.destroy()
    else refuseMalformed(error.code ?? '', socket)
  })

  return {
    accept(socket: Socket): void {
      socket.on('error', () => undefined)
      if (sockets.size >= MAX_SOCKETS) {
        socket.destroy()
        recordTurnedAway()
        return
      }
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.setTimeout(IDLE_SOCKET_MS)
      socket.once('close', () => sockets.delete(socket))
      server.emit('connection', socket)
    },
    destroyAll() {
      for (const socket of sockets) socket.destroy()
    },
    size: () => sockets.size,
  }
}
