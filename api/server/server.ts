import { join } from 'node:path'
import pino from 'pino'
import { z } from 'zod'
import { createAppender } from '../audit/append.ts'
import { createSequencer } from '../audit/chain/sequence.ts'
import { auditEvent } from '../audit/event.ts'
import { createOutbox } from '../audit/outbox.ts'
import { serverConfig } from '../config.ts'
import type { SandboxId } from '../contract/ids.ts'
import { endWith } from '../program.ts'
import { openGauge } from '../room/gauge.ts'
import { connect } from '../store/connect.ts'
import { POOL } from '../store/connections.ts'
import { ownVersion } from '../version.ts'
import { buildApp } from './app.ts'
import { createFeed } from './audit/feed.ts'
import { createLagWatch } from './audit/lag.ts'
import { recordRoom } from './disk/record.ts'
import { createGatewayClient } from './nodes/gateway.ts'
import { createGateways } from './nodes/gateways.ts'
import { chooseGateway } from './nodes/placement.ts'
import { replaceRetired } from './nodes/retired.ts'
import { createRunnerClient } from './nodes/runner.ts'
import { firstSignInLink } from './people/sign-in/links.ts'
import { unsafeInForce } from './policies/dangers.ts'
import { openLibrary } from './policies/library.ts'
import { seedPolicies } from './policies/publish.ts'
import { createReconciler } from './sandboxes/reconciler.ts'
import { createSandboxes } from './sandboxes/sandboxes.ts'
import { createTickets } from './terminals/tickets.ts'

const config = serverConfig()
const log = pino({ name: 'server', level: config.logLevel })
const root = join(import.meta.dirname, '..', '..')

const db = connect(config.databaseUrl, { max: POOL.server })
const stops = connect(config.databaseUrl, { max: POOL.stops })
const appender = createAppender(config.databaseUrl)
const sequencer = createSequencer(config.databaseUrl, (error) =>
  log.warn({ err: error }, 'the log waits for its places'),
)
const feed = createFeed(db, config.databaseUrl)
const lag = createLagWatch({ db, append: appender.append })
const runner = createRunnerClient(config.paths.runnerSocket)
const instances = Array.from({ length: config.gateways }, (_, n) => createGatewayClient(config.paths.gatewaySocket(n)))
const nodes = connect(config.databaseUrl, { max: POOL.nodes })
const gateway = createGateways(nodes, instances)
const retired = replaceRetired({ db, gateways: config.gateways, lockOf: config.paths.gatewayLock, log })
const host = await runner.doctor().catch(() => null)
const library = await openLibrary({ folder: config.policies, images: join(root, 'sandbox-images'), host })
const sandboxes = createSandboxes({ db, stops, runner, gateway, clientEnvironment: library.clientEnvironment, log })
const hasPolicies = (await db.selectFrom('policies').select('name').limit(1).execute()).length > 0
const rebuild = (id: SandboxId) => void sandboxes.rebuild(id, 'policy-narrowed')
const seeding = seedPolicies(db, { folder: config.policies, library, log, rebuild })
// Asking the package clients for their registries takes seconds: only the very first start waits for it.
if (hasPolicies) seeding.catch((error) => log.error({ err: error }, 'the policy files were not read'))
else await seeding

const gauge = await openGauge(config.disk)
recordRoom(gauge, createOutbox({ append: appender.append, log }))
const app = await buildApp({
  db,
  stops,
  append: appender.append,
  feed,
  lag,
  gateway,
  gateways: gateway.states,
  runner,
  sandboxes,
  chooseGateway: (trx) => chooseGateway(trx, config.gateways),
  library,
  tickets: createTickets(),
  log,
  version: ownVersion(),
  url: config.url,
  trustedProxy: config.trustedProxy,
  gauge,
  disk: config.disk,
  webFolder: join(root, 'web', 'dist'),
})
const unsafe = await unsafeInForce(db)
if (unsafe.length > 0) log.warn({ unsafe }, 'policies and providers accept dangers')
await appender.append(
  auditEvent('platform.started', {
    actor: { type: 'system', id: 'server' },
    decision: 'info',
    reason: 'started',
    detail: { program: 'server', version: ownVersion(), unsafe },
  }),
)
await app.listen({ host: config.host, port: config.port })
const reconciler = createReconciler({ db, runner, gateway, sandboxes, log })
const link = await firstSignInLink(db, { always: config.signInLink })
tellLauncher({ type: 'ready', url: addressOf(), signInToken: link?.token ?? null, unsafe })
log.info({ node: process.version }, 'listening')

endWith(async () => {
  await reconciler.close()
  await retired.close()
  await app.close()
  await feed.close()
  await lag.close()
  await sequencer.close()
  await gauge.close()
  await appender.close()
  gateway.close()
  await runner.close()
  await nodes.destroy()
  await db.destroy()
  await stops.destroy()
}, log)

/** What people type. */
function addressOf(): string {
  if (config.url) return config.url.replace(/\/$/, '')
  const { port } = z.object({ port: z.int() }).parse(app.server.address())
  const everywhere = config.host === '0.0.0.0' || config.host === '::'
  return `http://${everywhere ? 'localhost' : config.host}:${port}`
}

/** Over IPC; without a launcher (docker compose), one line of JSON. The token is nowhere else, least of all in the log. */
function tellLauncher(ready: { type: 'ready'; url: string; signInToken: string | null; unsafe: string[] }): void {
  if (process.send) process.send(ready)
  else process.stdout.write(`${JSON.stringify(ready)}\n`)
}
