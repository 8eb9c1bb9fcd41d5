import { chmod, mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Logger } from 'pino'
import { createAppender } from '../audit/append.ts'
import { auditEvent } from '../audit/event.ts'
import { createOutbox } from '../audit/outbox.ts'
import type { DiskConfig, StatePaths } from '../config.ts'
import type { AuditEvent } from '../contract/audit.ts'
import { createKeyedQueue } from '../flow/keyed-queue.ts'
import { lockSocket } from '../flow/socket-lock.ts'
import { openGauge } from '../room/gauge.ts'
import { connect } from '../store/connect.ts'
import { POOL } from '../store/connections.ts'
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

/** A gateway that is ending has this long; longer than the programs' own deadline (program.ts). */
const PREDECESSOR_MS = 10_000

interface StartDeps {
  /** Which instance of the gateway this is: it serves the sandboxes that have its number, and no others. */
  instance: number
  /** How long the one before it had not answered when it was killed for that; 0: it ended otherwise. */
  silentMs?: number
  databaseUrl: string
  paths: Pick<StatePaths, 'gatewaySocket' | 'gatewayLock' | 'sandboxes' | 'recordings' | 'sealKey'>
  /** The way out of this machine. */
  network: Pick<DoorDeps['egress'], 'resolve' | 'dial' | 'own'>
  disk: DiskConfig
  log: Logger
}

/**
 * One instance of the gateway, whole, listening on its control socket. Several may live in one process, as different
 * instances or on different state folders.
 */
export async function startGateway({ instance, silentMs = 0, databaseUrl, paths, network, disk, log }: StartDeps) {
  const socketPath = paths.gatewaySocket(instance)
  await mkdir(dirname(socketPath), { recursive: true, mode: 0o700 })
  // From here to the end of this process nobody else opens, or is given, the sockets of this instance's sandboxes.
  const held = await lockSocket(paths.gatewayLock(instance), PREDECESSOR_MS)
  await mkdir(paths.sandboxes, { recursive: true, mode: 0o755 })

  const db = connect(databaseUrl, { max: POOL.gateway })
  const { append, healthy, close: closeAppender } = createAppender(databaseUrl)
  const identities = createIdentities(db, instance)
  const providers = createProviders({ db, sealKey: await loadSealKey(paths.sealKey) })
  const gauge = await openGauge(disk)
  const archive = createArchive({
    db,
    root: paths.recordings,
    wanted: disk.recordings,
    gauge,
    append,
    personOf: (id) => identities.ownerOf(id)?.person ?? null,
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

  // A socket that a killed gateway left behind.
  await rm(socketPath, { force: true })
  await control.listen({ path: socketPath })
  await chmod(socketPath, 0o600)
  const outbox = createOutbox({ append, log })
  await Promise.all(startEvents({ instance, silentMs }).map((event) => outbox.send(event)))
  log.info({ node: process.version }, 'listening')

  return {
    async close() {
      await control.close()
      await changes.close()
      await refresh.close()
      await doors.closeAll()
      await outbox.flush()
      await archive.close()
      await gauge.close()
      await closeAppender()
      await db.destroy()
      await held.release()
    },
  }
}

/** The launcher, which may have killed the one before, has no way of its own into the log. */
function startEvents({ instance, silentMs }: { instance: number; silentMs: number }): AuditEvent[] {
  const program = `gateway/${instance}`
  const started = auditEvent('platform.started', {
    actor: { type: 'system', id: 'gateway' },
    decision: 'info',
    reason: 'started',
    detail: { program, version: ownVersion(), unsafe: [] },
  })
  if (silentMs === 0) return [started]
  const hung = auditEvent('platform.hung', {
    actor: { type: 'system', id: 'launcher' },
    decision: 'info',
    reason: 'no-heartbeat',
    detail: { program, silentMs },
  })
  return [hung, started]
}
