import type { FastifyBaseLogger } from 'fastify'
import type { Transaction } from 'kysely'
import type { SandboxId } from '../../contract/ids.ts'
import type { RebuildReason } from '../../contract/in-force.ts'
import { type SandboxState, sandboxState } from '../../contract/prototypes.ts'
import { ApiError, notFound } from '../../errors.ts'
import { createKeyedQueue, type KeyedQueue } from '../../flow/keyed-queue.ts'
import type { Store } from '../../store/connect.ts'
import type { Database } from '../../store/tables.ts'
import type { GatewayClient } from '../nodes/gateway.ts'
import type { RunnerClient } from '../nodes/runner.ts'
import { findPerson, mayRun } from '../people/people.ts'
import { readPolicy } from '../policies/read.ts'
import { refuseHeld } from '../stops/held.ts'
import { isDown, stoppedFrom } from './lifecycle.ts'
import { keepLimit } from './limit.ts'
import { type ProvisionDeps, provision } from './provision.ts'
import { type Cause, lockSandbox, type SandboxRow, transitionTo } from './transition.ts'

export interface SandboxDeps {
  db: Store
  /** Connections of its own, for what stops things. */
  stops: Store
  runner: RunnerClient
  gateway: GatewayClient
  clientEnvironment: ProvisionDeps['clientEnvironment']
  log: FastifyBaseLogger
}

/** What its owner reads where a terminal was. */
const rebuildWords: Record<RebuildReason, string> = {
  'policy-narrowed': 'Your admin changed the rules of this workspace. It is being rebuilt; your files stay.',
  'policy-applied': 'This workspace is being rebuilt with its new rules. Your files stay.',
}

/**
 * What follows a committed state. Each waits its turn in the sandbox's queue, and then does what the row says: between the
 * commit and the turn somebody may have stopped or started it again.
 *
 * Longer than 60 lines because every effect waits on the same queue.
 */
function createEffects(deps: SandboxDeps, queue: KeyedQueue<SandboxId>) {
  const { stops, runner, gateway, log } = deps
  const underWay = new Map<SandboxId, AbortController>()

  const bestEffort = (id: SandboxId, what: string, effect: () => Promise<unknown>) =>
    effect().catch((error) => log.warn({ err: error, sandbox: id }, `${what}: left to the reconciler`))

  /** Waits for the effect, but not for an image that is being built before it. */
  async function unlessBusy(id: SandboxId, effect: () => Promise<unknown>): Promise<void> {
    const busy = queue.isBusy(id)
    const done = queue.run(id, effect)
    if (!busy) await done
  }

  async function makeReadyNow(id: SandboxId): Promise<void> {
    const { db, clientEnvironment } = deps
    const interrupt = new AbortController()
    underWay.set(id, interrupt)
    const { signal } = interrupt
    await provision(id, { db, runner, gateway, clientEnvironment, signal, log }).finally(() => underWay.delete(id))
  }

  const makeReady = (id: SandboxId): void =>
    void queue
      .run(id, () => makeReadyNow(id))
      .catch((error) => log.error({ err: error, sandbox: id }, 'provisioning ended: the reconciler begins it again'))

  return {
    /** Makes it, or goes on making it; once at a time. */
    makeReady,
    /** Its row says already that another container is wanted: ends what runs in this one at once, then makes it anew. */
    async rebuild(id: SandboxId, why: RebuildReason): Promise<void> {
      const removed = queue.run(id, () =>
        bestEffort(id, 'removing', async () => {
          // Stopped since, or made anew already by whoever was under way.
          if ((await stateOf(stops, id)) === 'building') await runner.remove(id, 'keep')
        }),
      )
      // Before they are cut off, so that their owner reads why.
      await bestEffort(id, 'ending its terminals', () => gateway.endTerminals(id, { why: rebuildWords[why] }))
      await bestEffort(id, 'cutting off', () => gateway.kill({ scope: 'sandbox', id }))
      await removed
      makeReady(id)
    },
    /** Its row said that it is stopped. */
    async endProcesses(id: SandboxId): Promise<void> {
      underWay.get(id)?.abort()
      await unlessBusy(id, () =>
        bestEffort(id, 'stopping', async () => {
          if (isDown(await stateOf(stops, id))) await runner.stop(id)
          // Started again since: what was interrupted may have been that start.
          else makeReady(id)
        }),
      )
    },
    async afterRemove(id: SandboxId): Promise<void> {
      await bestEffort(id, 'closing its door', () => gateway.closeDoor(id))
      underWay.get(id)?.abort()
      await unlessBusy(id, async () => {
        await bestEffort(id, 'removing', () => runner.remove(id, 'remove'))
        // Provisioning may have opened it again before it noticed.
        await bestEffort(id, 'closing its door', () => gateway.closeDoor(id))
      })
    },
  }
}

async function stateOf(db: Store, id: SandboxId): Promise<SandboxState> {
  const row = await db.selectFrom('sandboxes').select('state').where('id', '=', id).executeTakeFirst()
  return row === undefined ? 'removed' : sandboxState.parse(row.state)
}

/**
 * What can be done to sandboxes. The new state is committed first and the effect follows, in the sandbox's queue; when an
 * effect did not happen because a program was away, the reconciler does it later.
 */
export function createSandboxes(deps: SandboxDeps) {
  const queue = createKeyedQueue<SandboxId>()
  const effects = createEffects(deps, queue)

  const changeState = (
    store: Store,
    id: SandboxId,
    cause: Cause,
    next: (row: SandboxRow, trx: Transaction<Database>) => SandboxState | Promise<SandboxState>,
  ) =>
    store.transaction().execute(async (trx) => {
      const row = await lockSandbox(trx, id)
      if (!row || row.state === 'removed') throw notFound()
      await transitionTo(trx, row, await next(row, trx), cause)
    })

  return {
    ...effects,
    async start(id: SandboxId, cause: Cause): Promise<void> {
      await changeState(deps.db, id, cause, startedFrom)
      effects.makeReady(id)
    },
    async stop(id: SandboxId, cause: Cause): Promise<void> {
      await changeState(deps.stops, id, cause, (row) => stoppedFrom(row.state))
      const cut = deps.gateway.kill({ scope: 'sandbox', id })
      await Promise.all([cut.catch(() => undefined), effects.endProcesses(id)])
    },
    /** What a newer version of its policy adds waits for its next start: this is one, and ends what runs in it. */
    async applyPolicy(id: SandboxId, cause: Omit<Cause, 'reason'>): Promise<void> {
      const why = 'policy-applied'
      await changeState(deps.db, id, { ...cause, reason: why }, rebuiltFrom)
      void effects.rebuild(id, why)
    },
    async remove(id: SandboxId, cause: Cause): Promise<void> {
      await changeState(deps.db, id, cause, () => 'removed')
      await effects.afterRemove(id)
    },
    inQueue: queue.run,
    isBusy: queue.isBusy,
    idle: queue.idle,
  }
}
export type Sandboxes = ReturnType<typeof createSandboxes>

/** What a sandbox that is started becomes. Throws `held`, `conflict`, or `limit_reached` when its owner has no room for it. */
async function startedFrom(row: SandboxRow, trx: Transaction<Database>): Promise<SandboxState> {
  // Checked again, as in prototypes/create.ts: what an owner who may run nothing any more has is being stopped.
  // On this connection alone: a transaction that waits for a second connection while it holds the first would stop
  // everybody once all of them do.
  const owner = await findPerson(trx, row.owner_id, { forUpdate: true })
  if (!owner || !mayRun(owner)) throw notFound()
  await refuseHeld(trx, { sandbox: row.id, owner: row.owner_id })
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
