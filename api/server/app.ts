import { randomUUID } from 'node:crypto'
import cookies from '@fastify/cookie'
import websocket from '@fastify/websocket'
import fastify, { type FastifyBaseLogger, type FastifyRequest, LogController } from 'fastify'
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Append } from '../audit/append.ts'
import type { DiskConfig } from '../config.ts'
import type { GatewayState } from '../contract/health.ts'
import { MAX_CLIENT_MESSAGE_BYTES } from '../contract/terminal.ts'
import { validatorCompiler } from '../http-errors.ts'
import type { Gauge } from '../room/gauge.ts'
import type { Store } from '../store/connect.ts'
import type { AuditFeed } from './audit/feed.ts'
import type { LagWatch } from './audit/lag.ts'
import { auditRoutes } from './audit/routes.ts'
import { keepRoom } from './disk/keep-room.ts'
import { diskRoutes } from './disk/routes.ts'
import { keepAccess } from './http/access.ts'
import { answer, answerBrokenRequest, answerErrors } from './http/errors.ts'
import { healthRoutes, type Part } from './http/health.ts'
import { isStop, limitRequests, REQUESTS_PER_MINUTE, type RequestsPerMinute } from './http/limits/rate-limits.ts'
import { createLiveConnections } from './http/live.ts'
import { describeApi } from './http/openapi.ts'
import { refuseOtherOrigins } from './http/origin.ts'
import { type App, askedBy, callerOf } from './http/route.ts'
import { endSocketsWithTheirRight } from './http/sockets.ts'
import { sendSecurityHeaders, serveWeb } from './http/web.ts'
import { modelsRoutes } from './models/routes.ts'
import type { GatewayClient } from './nodes/gateway.ts'
import type { RunnerClient } from './nodes/runner.ts'
import { recogniseCallers } from './people/caller.ts'
import { meRoutes } from './people/me-routes.ts'
import { peopleRoutes } from './people/people-routes.ts'
import { sessionRoutes } from './people/sign-in/routes.ts'
import { stillHolds } from './people/sign-in/sessions.ts'
import { tokenRoutes } from './people/token-routes.ts'
import type { Library } from './policies/library.ts'
import { policiesRoutes } from './policies/routes.ts'
import { ownershipOf } from './prototypes/read.ts'
import { prototypeRoutes } from './prototypes/routes.ts'
import { claimedSandbox } from './sandboxes/claimed.ts'
import { sandboxRoutes } from './sandboxes/routes.ts'
import type { Sandboxes } from './sandboxes/sandboxes.ts'
import { isPersonHeld, refuseHeld } from './stops/held.ts'
import { kill } from './stops/kill.ts'
import { stopRoutes } from './stops/routes.ts'
import { terminalRoutes } from './terminals/routes.ts'
import type { Tickets } from './terminals/tickets.ts'

export interface AppDeps {
  db: Store
  /** Connections of their own for stops, which are served when all others are taken. */
  stops: Store
  append: Append
  feed: AuditFeed
  lag: LagWatch
  gateway: GatewayClient
  /** Each instance of it. */
  gateways: () => Promise<GatewayState[]>
  runner: RunnerClient
  sandboxes: Sandboxes
  /** Which instance of the gateway a new sandbox gets. */
  chooseGateway: (trx: Store) => Promise<number>
  library: Library
  tickets: Tickets
  log: FastifyBaseLogger
  version: string
  /** What people type, when there is a proxy in front; null: this program's own address. */
  url: string | null
  /** CIDRs of the proxies whose X-Forwarded-For is believed. */
  trustedProxy: readonly string[]
  requestsPerMinute?: RequestsPerMinute
  gauge: Gauge
  disk: DiskConfig
  /** The built web. */
  webFolder: string
}

/** A whole request must have arrived by then. The answer may take longer. */
const WHOLE_REQUEST_MS = 60_000

/** The people's door: plugins, then routes, in the order in which they judge. Never listens. */
export async function buildApp(deps: AppDeps): Promise<App> {
  const { db, stops, append, feed, gateway, runner, sandboxes, log, url } = deps
  const secure = url?.startsWith('https:') ?? false
  const app = createApp(log, deps.trustedProxy)
  const live = createLiveConnections(
    async (caller) => (await stillHolds(db, caller)) && !(await isPersonHeld(db, caller.id)),
  )
  const storeFor = (request: FastifyRequest) => (isStop(request) ? stops : db)
  app.addHook('preClose', async () => live.endAll())

  await sendSecurityHeaders(app, { secure })
  await app.register(cookies)
  answerErrors(app)
  refuseOtherOrigins(app, url)
  recogniseCallers(app, { storeFor, secure })
  await limitRequests(app, deps.requestsPerMinute ?? REQUESTS_PER_MINUTE)
  keepAccess(app, { ownershipOf: (request, kind, id) => ownershipOf(storeFor(request), kind, id), append })
  keepRoom(app, deps.gauge)
  await app.register(websocket, { options: { maxPayload: MAX_CLIENT_MESSAGE_BYTES } })
  endSocketsWithTheirRight(app, live)
  await describeApi(app, deps.version)

  diskRoutes(app, deps)
  healthRoutes(app, { parts: partsOf(deps), doctor: runner.doctor, gateways: deps.gateways, lag: deps.lag })
  sessionRoutes(app, { db, append, live, secure })
  meRoutes(app, { db, live, secure })
  peopleRoutes(app, {
    db,
    live,
    stopAllOf: (id, request) =>
      kill(
        { db: stops, gateway, sandboxes },
        { scope: 'person', id, hold: false },
        { asked: askedBy(request), name: callerOf(request).name },
      ),
    originFor: (request) => url ?? ownOrigin(request),
  })
  tokenRoutes(app, { db, live })
  prototypeRoutes(app, { db, sandboxes, chooseGateway: deps.chooseGateway })
  stopRoutes(app, { db, stops, gateway, sandboxes, live })
  sandboxRoutes(app, { db, append, gateway, sandboxes })
  terminalRoutes(app, {
    gateway,
    tickets: deps.tickets,
    claimed: (id) => claimedSandbox(db, id),
    refuseHeld: (sandbox, owner) => refuseHeld(db, { sandbox, owner }),
    append,
  })
  policiesRoutes(app, { db, library: deps.library, sandboxes })
  modelsRoutes(app, { db, gateway })
  auditRoutes(app, { db, append, feed, lag: deps.lag, live })
  await serveWeb(app, deps.webFolder)
  return app
}

function createApp(log: FastifyBaseLogger, trustedProxy: readonly string[]): App {
  const app: App = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: trustedProxy.length > 0 && [...trustedProxy],
    requestIdHeader: false,
    genReqId: () => randomUUID(),
    bodyLimit: 65_536,
    requestTimeout: WHOLE_REQUEST_MS,
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: answer,
    forceCloseConnections: true,
  })
    .setValidatorCompiler(validatorCompiler)
    .setSerializerCompiler(serializerCompiler)
    .withTypeProvider<ZodTypeProvider>()
  app.removeContentTypeParser('text/plain')
  return app
}

/** http/origin.ts has checked the host before. */
const ownOrigin = (request: FastifyRequest) => `http://${request.headers.host}`

function partsOf({ db, gateway, runner, gauge }: AppDeps): Part[] {
  const database = async () => {
    await db.selectFrom('people').select('id').limit(1).execute()
    return null
  }
  return [
    { name: 'disk', check: async () => gauge.room().words },
    { name: 'database', check: database },
    { name: 'gateway', check: async () => (await gateway.health()).reason },
    { name: 'runner', check: async () => (await runner.health()).reason },
  ]
}
