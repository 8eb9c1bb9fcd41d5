import type { FastifyBaseLogger } from 'fastify'
import { z } from 'zod'
import { type SandboxId, sandboxId } from '../../contract/ids.ts'
import { type SandboxState, sandboxState } from '../../contract/prototypes.ts'
import type { Reason } from '../../contract/reasons.ts'
import type { Store } from '../../store/connect.ts'
import type { GatewayClient } from '../nodes/gateway.ts'
import type { RunnerClient } from '../nodes/runner.ts'
import { isDown, isGettingReady } from './lifecycle.ts'
import { type Action, reconcile, type Wanted } from './reconcile.ts'
import { lockSandbox, transitionTo } from './transition.ts'
import { freeUserSlots, removedWithUsers } from './user-slots.ts'

/** A sandbox that keeps dying is started at most so often. */
const MAX_STARTS = 3
const STARTS_WITHIN_MS = 300_000

export interface ActionDeps {
  db: Store
  runner: Pick<RunnerClient, 'list' | 'stop' | 'pause' | 'unpause' | 'remove'>
  gateway: Pick<GatewayClient, 'closeDoor' | 'doorStatus'>
  isBusy(id: SandboxId): boolean
  makeReady(id: SandboxId): void
  log: FastifyBaseLogger
}

const system = { type: 'system', id: 'server' } as const

const wantedRows = z.array(z.object({ id: sandboxId, state: sandboxState }))

const detailFor: Partial<Record<SandboxState, string>> = {
  lost: 'Its container is gone. Start it again: the files of the workspace are kept if they are still there.',
  failed: 'It ended again and again. Start it again, or ask your admin to look at the memory limit.',
}

/**
 * Finds what has to be done so that the engine has what the database wants (`compare`), and does one such thing (`act`).
 *
 * Longer than 60 lines because `act` compares again, and counts the starts of before.
 */
export function createActions({ db, runner, gateway, isBusy, makeReady, log }: ActionDeps) {
  const starts = new Map<SandboxId, number[]>()

  /** The engine first: a container is only ever made after its row, so none can look like an orphan. */
  async function compare({ doors = true } = {}): Promise<Action[]> {
    const removed = await removedWithUsers(db, isBusy)
    const engine = await runner.list()
    const inEngine = new Set(engine.map(({ id }) => id))
    await freeUserSlots(
      db,
      removed.filter((id) => !inEngine.has(id)),
    )
    const rows = await db.selectFrom('sandboxes').select(['id', 'state']).where('state', '!=', 'removed').execute()
    const wanted = wantedRows.parse(rows)
    const actions = reconcile(engine, wanted)
    return doors ? actions.concat(await untrusted(wanted, actions)) : actions
  }

  /** Claimed ones whose porter is of another start of the container than the one that was proven. */
  async function untrusted(wanted: readonly Wanted[], actions: readonly Action[]): Promise<Action[]> {
    const inHand = new Set(actions.map(({ id }) => id))
    const claimed = wanted.filter(({ id, state }) => state === 'claimed' && !inHand.has(id))
    const found = claimed.map(async ({ id }) => {
      const door = await gateway.doorStatus(sandboxId.parse(id)).catch(() => null)
      return door?.open && !door.trusted ? [{ id, action: 'prove-again' as const }] : []
    })
    return (await Promise.all(found)).flat()
  }

  /** Call it in the sandbox's queue. Compares again first: `action` may be older than what was done since. */
  async function act(id: SandboxId, action: Action['action']): Promise<void> {
    const found = await compare({ doors: action === 'prove-again' })
    if (!found.some((still) => still.id === id && still.action === action)) return
    log.info({ sandbox: id, action }, 'reconciling')
    if (action === 'remove') {
      await runner.remove(id, (await exists(db, id)) ? 'keep' : 'remove')
      await gateway.closeDoor(id)
    } else if (action === 'lost' || action === 'stopped') await markFound(db, id, action)
    else if (action === 'make-anew') {
      await runner.remove(id, 'keep')
      makeReady(id)
    } else if (action === 'restart') await startAgain(id, 'starting', 'found-ended')
    else if (action === 'prove-again') await startAgain(id, 'proving', 'not-proven')
    else if (action !== 'begin-again') await runner[action](id)
  }

  /** Never straight back to work: what was proven holds for one start of the container. */
  async function startAgain(id: SandboxId, to: 'starting' | 'proving', reason: Reason): Promise<void> {
    const recent = (starts.get(id) ?? []).filter((at) => at > Date.now() - STARTS_WITHIN_MS)
    if (recent.length >= MAX_STARTS) return markFound(db, id, 'failed')
    starts.set(id, [...recent, Date.now()])
    const isStill = await db.transaction().execute(async (trx) => {
      const row = await lockSandbox(trx, id)
      // Stopped since it was looked at: only its owner may start it now.
      // Or begun anew by another.
      if (!row || (row.state !== 'claimed' && row.state !== 'ready')) return false
      await transitionTo(trx, row, to, { actor: system, reason, correlation: id })
      return true
    })
    if (isStill) makeReady(id)
  }

  return { compare, act }
}

async function exists(db: Store, id: SandboxId): Promise<boolean> {
  const found = await db
    .selectFrom('sandboxes')
    .select('id')
    .where('id', '=', id)
    .where('state', '!=', 'removed')
    .executeTakeFirst()
  return found !== undefined
}

/** The engine is in that state already: only the row has to follow. */
async function markFound(db: Store, id: SandboxId, to: 'lost' | 'stopped' | 'failed'): Promise<void> {
  const cause = {
    actor: system,
    reason: `found-${to}`,
    correlation: id,
    detail: detailFor[to] ?? null,
  } as const
  await db.transaction().execute(async (trx) => {
    const row = await lockSandbox(trx, id)
    // Started since it was looked at, or stopped: neither is undone.
    if (!row || isGettingReady(row.state) || (to === 'failed' && isDown(row.state))) return
    await transitionTo(trx, row, to, cause)
  })
}
