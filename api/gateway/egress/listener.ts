import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Append } from '../../audit/append.ts'
import type { Outbox } from '../../audit/outbox.ts'
import { createFairShare } from '../../flow/fair-share.ts'
import { createKeyedQueue } from '../../flow/keyed-queue.ts'
import { createRateLimiter, type RateLimiter } from '../../flow/rate-limiter.ts'
import type { EventBudget } from '../budget/budget.ts'
import type { SandboxDoor } from '../identity.ts'
import type { Stop } from '../passage.ts'
import { createClients } from './clients.ts'
import { DEFAULT_LIMITS, type EgressLimits } from './limits.ts'
import type { Dial } from './reach.ts'
import { type ReceiveDeps, receiveConnect, receiveError, receiveRequest } from './receive.ts'
import type { Resolve } from './resolve.ts'
import { createRoutes } from './route.ts'

export interface EgressDeps {
  sandbox: SandboxDoor
  append: Append
  /** The sandbox's own: what it owes to the log. */
  outbox: Pick<Outbox, 'send'>
  budget: Pick<EventBudget, 'admit' | 'record'>
  resolve: Resolve
  dial: Dial
  /** This machine's addresses, now; see dial.ts. */
  own: () => ReadonlySet<string>
  limits?: Partial<EgressLimits>
  log: Logger
}

/**
 * The explicit proxy behind one sandbox's egress.sock: CONNECT and absolute-form HTTP/1.1. It shares nothing with another
 * sandbox's: connections, limits and rates are its own.
 */
export function createEgress({ limits: given, ...deps }: EgressDeps) {
  const { log } = deps
  const limits: EgressLimits = { ...DEFAULT_LIMITS, ...given }
  const routes = createRoutes({ ...deps, limits })
  const run = (work: Promise<unknown>, client: Socket) => {
    work.catch((error: unknown) => {
      log.error({ err: error }, 'a request could not be handled')
      client.destroy()
    })
  }
  const clients = createClients({ routes, limits, run })
  const rateLimiter = createRateLimiter({ burst: limits.requestBurst, perSecond: limits.requestsPerSecond })
  const server = createProxyServer(limits, { clients, routes, limits, rateLimiter, fairShare: createFairShare(), run })

  const begin = createBeginning({ rateLimiter, holdMs: limits.requestPauseMs, run }, (client) => {
    server.emit('connection', client)
    clients.expectFirst(client)
  })

  return {
    /** Takes an accepted connection of the sandbox's socket, made with `allowHalfOpen`. */
    handle(client: Socket): void {
      client.on('error', (error) => log.debug({ err: error }, 'a client connection failed'))
      if (!clients.add(client)) return
      begin(client)
    },
    /**
     * Ends every open request and tunnel, and closes every connection, at once. The door itself stays usable. Resolves when what
     * was being refused is recorded, or counted.
     */
    closeAll(why: Stop): Promise<void> {
      routes.stopAll(why)
      clients.destroyAll()
      return routes.refused()
    },
    /** To be called when the policy or the identity changed: what is no longer allowed is closed, the rest goes on. */
    rejudge: routes.rejudge,
    connections: clients.size,
  }
}

interface BeginningDeps {
  rateLimiter: RateLimiter
  holdMs: number
  run: ReceiveDeps['run']
}

/**
 * Has a connection read, or holds it back while its sandbox is too fast: to parse is what takes time of the thread, and whoever
 * hangs up waits for nothing that comes later. One after the other, so that those that were held do not come in one turn.
 */
function createBeginning({ rateLimiter, holdMs, run }: BeginningDeps, read: (client: Socket) => void) {
  const held = createKeyedQueue<'next'>()
  const hold = async (client: Socket) => {
    await delay(rateLimiter.reserveWithin(holdMs) ?? holdMs, undefined, { ref: false })
    if (!client.destroyed) read(client)
  }
  return (client: Socket): void => {
    if (rateLimiter.waitMs() === 0 && !held.isBusy('next')) read(client)
    else
      run(
        held.run('next', () => hold(client)),
        client,
      )
  }
}

/** Reads HTTP/1.1 from the connections that it is given; it listens nowhere. */
function createProxyServer(limits: EgressLimits, deps: ReceiveDeps) {
  const server = createServer({
    insecureHTTPParser: false,
    // The parser counts without separators; the whole is counted in http/framing.ts.
    maxHeaderSize: limits.headerBytes,
    // Checked in http/framing.ts, so that it is recorded like any other refusal.
    requireHostHeader: false,
    keepAliveTimeout: limits.keepAliveMs,
    noDelay: true,
  })
  // Past the default of 2000 node:http drops fields silently; bytes are the limit.
  server.maxHeadersCount = 0
  server.timeout = limits.idleMs

  server.on('request', (request, response) => receiveRequest({ request, response }, false, deps))
  server.on('checkContinue', (request, response) => receiveRequest({ request, response }, false, deps))
  server.on('checkExpectation', (request, response) => receiveRequest({ request, response }, true, deps))
  server.on('connect', (request, _stream, head) => receiveConnect(request, head, false, deps))
  server.on('upgrade', (request, _stream, head) => receiveConnect(request, head, true, deps))
  server.on('clientError', (error, stream) => receiveError(error, stream, deps))
  return server
}
