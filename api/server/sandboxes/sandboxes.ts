import type { FastifyBaseLogger } from 'fastify'
import type { Transaction } from 'kysely'
import type { SandboxId } from '../../contract/ids.ts'
import type { RebuildReason } from '../../contract/in-force.ts'
import type { SandboxState } from '../../contract/prototypes.ts'
import { ApiError, notFound } from '../../errors.ts'
import { createKeyedQueue, type KeyedQueue } from '../../flow/keyed-queue.ts'
import type { Store } from '../../store/connect.ts'
import type { Database } from '../../store/tables.ts'
import type { GatewayClient } from '../nodes/gateway.ts'
import type { RunnerClient } from '../nodes/runner.ts'
import { findPerson, mayRun } from '../people/people.ts'
import { readPolicy } from '../policies/read.ts'
import { keepLimit } from './limit.ts'
import { type ProvisionDeps, provision } from './provision.ts'
import { type Cause, lockSandbox, type SandboxRow, transitionTo } from './transition.ts'

export interface SandboxDeps {
  db: Store
  runner: RunnerClient
  gateway: GatewayClient
  clientEnvironment: ProvisionDeps['clientEnvironment']
  log: FastifyBaseLogger
}

const GETTING_READY: readonly SandboxState[] = ['building', 'starting', 'proving']

/** What its owner reads where a terminal was. */
const rebuildWords: Record<RebuildReason, string> = {
  'policy-narrowed': 'Your admin changed the rules of this workspace. It is being rebuilt; your files stay.',
  'policy-applied': 'This workspace is being rebuilt with its new rules. Your files stay.',
}

/** What follows a committed state. Each waits its turn in the sandbox's queue. */
function createEffects({ db, runner, gateway, clientEnvironment, log }: SandboxDeps, queue: KeyedQueue<SandboxId>) {
  const bestEffort = (id: SandboxId, what: string, effect: () => Promise<unknown>) =>
    effect().catch((error) => log.warn({ err: error, sandbox: id }, `${what}: left to the reconciler`))

  /** Waits for the effect, but not for an image that is being built before it. */
  async function unlessBusy(id: SandboxId, effect: () => Promise<unknown>): Promise<void> {
    const busy = queue.isBusy(id)
    const done = queue.run(id, effect)
    if (!busy) await done
  }

  /** Makes it, or goes on making it; once at a time. */
  function makeReady(id: SandboxId): void {
    queue
      .run(id, () => provision(id, { db, runner, gateway, clientEnvironment, log }))
      .catch((error) => log.error({ err: error, sandbox: id }, 'provisioning ended: the reconciler begins it again'))
  }

  return {
    makeReady,
    /** Its row says already that another container is wanted: ends what runs in this one at once, then makes it anew. */
    async rebuild(id: SandboxId, why: RebuildReason): Promise<void> {
      const removed = queue.run(id, () => bestEffort(id, 'removing', () => runner.remove(id, 'keep')))
      // Before they are cut off, so that their owner reads why.
      await bestEffort(id, 'ending its terminals', () => gateway.endTerminals(id, { why: rebuildWords[why] }))
      await bestEffort(id, 'cutting off', () => gateway.kill({ scope: 'sandbox', id }))
      await removed
      makeReady(id)
    },
    /** Its row says already that it is stopped: cuts what it has open, then ends its processes. */
    async afterStop(id: SandboxId): Promise<void> {
      await bestEffort(id, 'cutting off', () => gateway.kill({ scope: 'sandbox', id }))
      await unlessBusy(id, () => bestEffort(id, 'stopping', () => runner.stop(id)))
    },
    async afterRemove(id: SandboxId): Promise<void> {
      await bestEffort(id, 'closing its door', () => gateway.closeDoor(id))
      await unlessBusy(id, async () => {
        await bestEffort(id, 'removing', () => runner.remove(id, 'remove'))
        // Provisioning may have opened it again before it noticed.
        await bestEffort(id, 'closing its door', () => gateway.closeDoor(id))
      })
    },
  }
}

/**
 * What can be done to sandboxes. The new state is committed first and the effect follows, in the sandbox's queue; when an
 * effect did not happen because a program was away, the reconciler does it later.
 */
export function createSandboxes(deps: SandboxDeps) {
  const queue = createKeyedQueue<SandboxId>()
  const effects = createEffects(deps, queue)

  const changeState = (
    id: SandboxId,
    cause: Cause,
    next: (row: SandboxRow, trx: Transaction<Database>) => SandboxState | Promise<SandboxState>,
  ) =>
    deps.db.transaction().execute(async (trx) => {
      const row = await lockSandbox(trx, id)
      if (!row || row.state === 'removed') throw notFound()
      await transitionTo(trx, row, await next(row, trx), cause)
    })

  return {
    ...effects,
    async start(id: SandboxId, cause: Cause): Promise<void> {
      await changeState(id, cause, startedFrom)
      effects.makeReady(id)
    },
    async stop(id: SandboxId, cause: Cause): Promise<void> {
      await changeState(id, cause, (row) => stoppedFrom(row.state))
      await effects.afterStop(id)
    },
    /** What a newer version of its policy adds waits for its next start: this is one, and ends what runs in it. */
    async applyPolicy(id: SandboxId, cause: Omit<Cause, 'reason'>): Promise<void> {
      const why = 'policy-applied'
      await changeState(id, { ...cause, reason: why }, rebuiltFrom)
      void effects.rebuild(id, why)
    },
    async remove(id: SandboxId, cause: Cause): Promise<void> {
      await changeState(id, cause, () => 'removed')
      await effects.afterRemove(id)
    },
    inQueue: queue.run,
    isBusy: queue.isBusy,
    idle: queue.idle,
  }
}
export type Sandboxes = ReturnType<typeof createSandboxes>

/** What a sandbox that is started becomes. Throws `conflict`, or `limit_reached` when its owner has no room for it. */
async function startedFrom(row: SandboxRow, trx: Transaction<Database>): Promise<SandboxState> {
  // Checked again, as in prototypes/create.ts: what an owner who may run nothing any more has is being stopped.
  // On this connection alone: a transaction that waits for a second connection while it holds the first would stop
  // everybody once all of them do.
  const owner = await findPerson(trx, row.owner_id, { forUpdate: true })
  if (!owner || !mayRun(owner)) throw notFound()
  if (row.state === 'stopped') return 'starting'
  if (row.state !== 'failed' && row.state !== 'lost')
    throw new ApiError('conflict', `A sandbox that is ${row.state} cannot be started.`)
  // One at a time for a person, because the owner is locked: the limit cannot be raced.
  const policy = await readPolicy(trx, row.policy_name, row.policy_version)
  if (policy) await keepLimit(trx, row.owner_id, policy)
  return 'building'
}

function rebuiltFrom({ state, container_version }: SandboxRow): SandboxState {
  if (container_version !== null && (state === 'claimed' || state === 'ready')) return 'building'
  throw new ApiError('conflict', 'No rules wait for this sandbox: it has all that its policy allows.')
}

/** A sandbox that was never ready has nothing to keep: it counts as failed, and can be started from the beginning. */
export const stoppedFrom = (state: SandboxState): SandboxState => (GETTING_READY.includes(state) ? 'failed' : 'stopped')
