import { chmod, chown, mkdir, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { createOutbox } from '../audit/outbox.ts'
import type { SandboxId } from '../contract/ids.ts'
import type { Gauge } from '../room/gauge.ts'
import { createEventBudget } from './budget/budget.ts'
import { createEgress, type EgressDeps } from './egress/listener.ts'
import type { OwnedDoor } from './identity.ts'
import { createModels, type ModelsDeps } from './models/listener.ts'
import { createNoRoom } from './no-room.ts'
import { createPorterClient } from './porter/client.ts'
import { createPorterEvents } from './porter/events.ts'
import type { SharedRoom } from './terminals/quota.ts'
import type { PackingDeps } from './terminals/segments/packing.ts'
import { createTerminals } from './terminals/terminals.ts'

export interface DoorDeps {
  /** <state>/sandboxes/<id>: mounted read-only in the sandbox, so it holds sockets and nothing else. */
  directory: string
  recordings: string
  /** Unix user id of its porter, as the host's kernel sees it. */
  porterUser: number
  sandbox: OwnedDoor
  egress: Pick<EgressDeps, 'append' | 'resolve' | 'dial' | 'limits' | 'own'>
  models: Pick<ModelsDeps, 'append' | 'providers' | 'demo'>
  compression: PackingDeps['compression']
  gauge: Pick<Gauge, 'room' | 'isLow'>
  shared: SharedRoom
  log: Logger
}

/** What answers on one sandbox's sockets. */
function createParts(deps: DoorDeps, log: Logger) {
  const { append } = deps.egress
  const outbox = createOutbox({ append, log })
  const budget = createEventBudget({ sandbox: deps.sandbox, outbox })
  const porter = createPorterClient({
    log,
    isClaimed: () => deps.sandbox.current()?.proving === false,
    onEvent: createPorterEvents({ sandbox: deps.sandbox, budget }),
  })
  const sandbox = onlyWhenTrusted(deps.sandbox, porter.isTrusted)
  const egress = createEgress({ sandbox, ...deps.egress, outbox, budget, log })
  const models = createModels({ sandbox, ...deps.models, outbox, budget, log })
  const terminals = createTerminals({
    porter,
    directory: deps.recordings,
    sandbox,
    append,
    outbox,
    log,
    compression: deps.compression,
    shared: deps.shared,
  })
  const noRoom = createNoRoom({ sandbox, gauge: deps.gauge, append, log })
  return { outbox, budget, porter, egress, models, terminals, noRoom }
}

/** One sandbox's three sockets and what answers on them. Who it is = which of these sockets was used (law 1). */
export async function openDoor(id: SandboxId, deps: DoorDeps) {
  const { porterUser } = deps
  const log = deps.log.child({ sandbox: id })
  const { outbox, budget, porter, egress, models, terminals, noRoom } = createParts(deps, log)

  /** Nobody waits for the porter: what did not reach it is done when it comes back (terminals.ts, reconcile). */
  function cutTerminals(why: string) {
    const ended = terminals.endAll(why)
    porter.cut()
    return ended.catch((error) => log.error({ err: error }, 'a terminal did not end as it should'))
  }

  await mkdir(deps.directory, { recursive: true, mode: 0o755 })
  const servers = await Promise.all([
    listenOn(join(deps.directory, 'egress.sock'), porterUser, noRoom.guard('egress', egress.handle), log),
    listenOn(join(deps.directory, 'model.sock'), porterUser, noRoom.guard('model', models.handle), log),
    listenOn(join(deps.directory, 'porter.sock'), porterUser, porter.accept, log),
  ])

  return {
    id,
    porterUser,
    porter,
    terminals,
    connections: () => egress.connections() + models.connections(),
    /** Every open connection is judged again; those that are now denied are closed. */
    rejudge() {
      egress.rejudge()
      models.rejudge()
    },
    /** Ends everything that is open: what leaves, what is looked into, what is run. */
    cut() {
      void egress.closeAll('killed')
      void models.closeAll('killed')
      void cutTerminals('the sandbox was stopped')
    },
    /** The disk has become low. What is open is closed too: it would write on. */
    shutForRoom() {
      if (!noRoom.isShut()) return
      void egress.closeAll('limit')
      void models.closeAll('limit')
    },
    /** `remove`: the sandbox is gone, and so is its directory; without it the sockets are only let go. */
    async close({ remove }: { remove: boolean }) {
      // First: nobody comes in while the rest ends. It has ended when the last connection is gone.
      const shut = Promise.all(servers.map(closeServer))
      const cutOff = Promise.all([egress.closeAll('killed'), models.closeAll('killed')])
      if (remove) await cutTerminals('the sandbox was removed')
      await terminals.close().catch((error) => log.error({ err: error }, 'the terminals did not close as they should'))
      await porter.close()
      await cutOff
      budget.close()
      await noRoom.close()
      // What was cut off here is owed to the log, and the log's writer is closed next.
      await outbox.flush()
      await shut
      if (remove) await rm(deps.directory, { recursive: true, force: true })
    },
  }
}

/** Nobody is behind a door whose container was started again and not proven since: everything is denied. */
const onlyWhenTrusted = ({ current, ...door }: OwnedDoor, isTrusted: () => boolean): OwnedDoor => ({
  ...door,
  current() {
    const identity = current()
    return identity === null || identity.proving || isTrusted() ? identity : null
  },
})

export type Door = Awaited<ReturnType<typeof openDoor>>

/**
 * Nobody but the sandbox's porter may dial: what the agent sends comes over TCP on the porter's loopback listeners, which
 * carries bytes and no descriptors (unix(7), SCM_RIGHTS).
 */
async function listenOn(path: string, user: number, handle: (socket: Socket) => void, log: Logger): Promise<Server> {
  await rm(path, { force: true })
  const server = createServer({ allowHalfOpen: true, noDelay: true }, handle)
  await new Promise<void>((listening, failed) => {
    server.once('error', failed)
    server.listen(path, () => {
      server.off('error', failed)
      listening()
    })
  })
  server.on('error', (error) => log.error({ err: error, path }, 'a socket of a sandbox failed'))
  // In this order it takes CHOWN alone: what is another's can only be changed with more.
  await chmod(path, 0o600)
  await chown(path, user, user)
  return server
}

const closeServer = (server: Server) => new Promise<void>((done) => server.close(() => done()))
