import { chmod, mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import pino from 'pino'
import { createAppender } from '../audit/append.ts'
import { auditEvent } from '../audit/event.ts'
import { gatewayConfig } from '../config.ts'
import { createKeyedQueue } from '../flow/keyed-queue.ts'
import { endWith } from '../program.ts'
import { connect } from '../store/connect.ts'
import { listen } from '../store/listen.ts'
import { ownVersion } from '../version.ts'
import { buildControl } from './control.ts'
import { createDoors } from './doors.ts'
import { createOwnAddresses, dialAddress } from './egress/dial.ts'
import { createResolve } from './egress/resolve.ts'
import { createIdentities } from './identities.ts'
import { createDemo } from './models/demo/answer.ts'
import { loadSealKey } from './models/provider/seal.ts'
import { createProviders } from './models/providers.ts'
import { keepRefreshed } from './refresh.ts'

const config = gatewayConfig()
const log = pino({ name: 'gateway', level: config.logLevel })

await mkdir(dirname(config.paths.gatewaySocket), { recursive: true, mode: 0o700 })
await mkdir(config.paths.sandboxes, { recursive: true, mode: 0o755 })

const db = connect(config.databaseUrl, { max: 4 })
const appender = createAppender(config.databaseUrl)
const identities = createIdentities(db)
const providers = createProviders({ db, sealKey: await loadSealKey(config.paths.sealKey) })
const doors = createDoors({
  identities,
  paths: config.paths,
  egress: {
    append: appender.append,
    resolve: createResolve(config.dns),
    dial: dialAddress,
    own: createOwnAddresses(),
  },
  models: { append: appender.append, providers, demo: createDemo() },
  compression: createKeyedQueue(),
  log,
})
const control = buildControl({ doors, identities, providers, auditHealthy: appender.healthy, log })

const refresh = keepRefreshed({ doors, identities, providers, log })
const changes = listen(config.databaseUrl, ['doors'], refresh.again, refresh.again)

await rm(config.paths.gatewaySocket, { force: true })
await control.listen({ path: config.paths.gatewaySocket })
await chmod(config.paths.gatewaySocket, 0o600)
await appender
  .append(
    auditEvent('platform.started', {
      actor: { type: 'system', id: 'gateway' },
      decision: 'info',
      reason: 'started',
      detail: { program: 'gateway', version: ownVersion(), unsafe: [] },
    }),
  )
  .catch((error) => log.warn({ err: error }, 'the start is not in the audit log yet: everything is denied'))
log.info({ node: process.version }, 'listening')

endWith(async () => {
  await control.close()
  await changes.close()
  await refresh.close()
  await doors.closeAll()
  await appender.close()
  await db.destroy()
}, log)
