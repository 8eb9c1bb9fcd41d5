import { chmod, mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Logger } from 'pino'
import { createAppender } from '../audit/append.ts'
import { auditEvent } from '../audit/event.ts'
import type { DiskConfig } from '../config.ts'
import { createKeyedQueue } from '../flow/keyed-queue.ts'
import { openGauge } from '../room/gauge.ts'
import { connect } from '../store/connect.ts'
import { listen } from '../store/listen.ts'
import { ownVersion } from '../version.ts'
import { buildControl } from './control.ts'
import type { DoorDeps } from './door.ts'
import { createDoors } from './doors.ts'
import { createIdentities } from './identities.ts'
import { createDemo } from './models/demo/answer.ts'
import { loadSealKey } from './models/provider/seal.ts'
import { createProviders } from './models/providers.ts'
import { keepRefreshed } from './refresh.ts'
import { createArchive } from './terminals/archive/archive.ts'

interface StartDeps {
  databaseUrl: string
  paths: { gatewaySocket: string; sandboxes: string; recordings: string; sealKey: string }
  /** The way out of this machine. */
  network: Pick<DoorDeps['egress'], 'resolve' | 'dial' | 'own'>
  disk: DiskConfig
  log: Logger
}

/** The whole gateway, listening on its control socket. Two of them may live in one process, on different state folders. */
export async function startGateway({ databaseUrl, paths, network, disk, log }: StartDeps) {
  await mkdir(dirname(paths.gatewaySocket), { recursive: true, mode: 0o700 })
  await mkdir(paths.sandboxes, { recursive: true, mode: 0o755 })

  const db = connect(databaseUrl, { max: 4 })
  const { append, healthy, close: closeAppender } = createAppender(databaseUrl)
  const identities = createIdentities(db)
  const providers = createProviders({ db, sealKey: await loadSealKey(paths.sealKey) })
  const gauge = await openGauge(disk)
  const archive = createArchive({
    db,
    root: paths.recordings,
    wanted: disk.recordings,
    gauge,
    append,
    personOf: identities.personOf,
    log,
  })
  const doors = createDoors({
    gauge,
    archive,
    identities,
    paths,
    egress: { append, ...network },
    models: { append, providers, demo: createDemo() },
    compression: createKeyedQueue(),
    log,
  })
  const control = buildControl({ doors, identities, providers, auditHealthy: healthy, log })
  const refresh = keepRefreshed({ doors, identities, providers, log })
  const changes = listen(databaseUrl, ['doors'], refresh.again, refresh.again)

  // A socket that a killed gateway left behind; the launcher sees to it that there is one gateway.
  await rm(paths.gatewaySocket, { force: true })
  await control.listen({ path: paths.gatewaySocket })
  await chmod(paths.gatewaySocket, 0o600)
  await append(
    auditEvent('platform.started', {
      actor: { type: 'system', id: 'gateway' },
      decision: 'info',
      reason: 'started',
      detail: { program: 'gateway', version: ownVersion(), unsafe: [] },
    }),
  ).catch((error) => log.warn({ err: error }, 'the start is not in the audit log yet: everything is denied'))
  log.info({ node: process.version }, 'listening')

  return {
    async close() {
      await control.close()
      await changes.close()
      await refresh.close()
      await doors.closeAll()
      await archive.close()
      await gauge.close()
      await closeAppender()
      await db.destroy()
    },
  }
}
