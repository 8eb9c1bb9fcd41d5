import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import { z } from 'zod'
import { type SandboxId, sandboxId } from '../../contract/ids.ts'
import { type SandboxState, sandboxState } from '../../contract/prototypes.ts'
import type { Store } from '../../store/connect.ts'
import type { GatewayClient } from '../nodes/gateway.ts'
import type { RunnerClient } from '../nodes/runner.ts'
import { type Action, reconcile } from './reconcile.ts'
import type { Sandboxes } from './sandboxes.ts'
import { lockSandbox, moveTo } from './transition.ts'
import { freeUserSlots } from './user-slots.ts'

const AGAIN_MS = 1_000
/** Also without any event: what was left undone while a program was away. */
const LOOK_EVERY_MS = 30_000
/** One that dies again and again is not started for ever. */
const MAX_STARTS = 3
const STARTS_WITHIN_MS = 300_000

interface ReconcilerDeps {
  db: Store
  runner: Pick<RunnerClient, 'list' | 'start' | 'stop' | 'pause' | 'unpause' | 'remove' | 'events'>
  gateway: Pick<GatewayClient, 'closeDoor'>
  sandboxes: Sandboxes
  log: FastifyBaseLogger
}

const wantedRows = z.array(z.object({ id: sandboxId, state: sandboxState }))

/** Keeps what the engine has and what the database wants the same: at start, at each event of the runner, and now and then. */
export function createReconciler({ db, runner, gateway, sandboxes, log }: ReconcilerDeps) {
  const closing = new AbortController()
  const starts = new Map<SandboxId, number[]>()
  const state: { running: Promise<void> | null; again: boolean } = { running: null, again: false }

  /** The engine first: a container is only ever made after its row, so none can look like an orphan. */
  async function compare(): Promise<Action[]> {
    const engine = await runner.list()
    const rows = await db.selectFrom('sandboxes').select(['id', 'state']).where('state', '!=', 'removed').execute()
    await freeUserSlots(
      db,
      engine.map(({ id }) => id),
    )
    return reconcile(engine, wantedRows.parse(rows))
  }

  async function settle(): Promise<void> {
    for (const { id: raw, action } of await compare()) {
      const id = sandboxId.parse(raw)
      // What is under way is changing: its own work leaves it right, or the next look finds it.
      if (sandboxes.isBusy(id)) continue
      if (action === 'begin-again') sandboxes.makeReady(id)
      else
        sandboxes
          .inQueue(id, () => actOn(id, action))
          .catch((error) => log.warn({ err: error, sandbox: id, action }, 'not reconciled yet'))
    }
  }

  /** Compared again in the sandbox's queue: the first look may be older than what was done since. */
  async function actOn(id: SandboxId, action: Action['action']): Promise<void> {
    if (!(await compare()).some((still) => still.id === id && still.action === action)) return
    log.info({ sandbox: id, action }, 'reconciling')
    if (action === 'remove') {
      await runner.remove(id, (await exists(id)) ? 'keep' : 'remove')
      await gateway.closeDoor(id)
    } else if (action === 'lost' || action === 'stopped') await moved(id, action)
    else if (action === 'start') await startAgain(id)
    else if (action !== 'begin-again') await runner[action](id)
  }

  async function startAgain(id: SandboxId): Promise<void> {
    const recent = (starts.get(id) ?? []).filter((at) => at > Date.now() - STARTS_WITHIN_MS)
    if (recent.length >= MAX_STARTS) return moved(id, 'failed')
    starts.set(id, [...recent, Date.now()])
    await runner.start(id)
  }

  const exists = async (id: SandboxId) =>
    (await db
      .selectFrom('sandboxes')
      .select('id')
      .where('id', '=', id)
      .where('state', '!=', 'removed')
      .executeTakeFirst()) !== undefined

  const words: Partial<Record<SandboxState, string>> = {
    lost: 'Its container is gone. Start it again: the files of the workspace are kept if they are still there.',
    failed: 'It ended again and again. Start it again, or ask your admin to look at the memory limit.',
  }
  async function moved(id: SandboxId, to: 'lost' | 'stopped' | 'failed'): Promise<void> {
    const cause = {
      actor: { type: 'system', id: 'server' },
      reason: `found-${to}`,
      correlation: id,
      detail: words[to] ?? null,
    } as const
    await db.transaction().execute(async (trx) => {
      const row = await lockSandbox(trx, id)
      if (row) await moveTo(trx, row, to, cause)
    })
  }

  /** One at a time; what happens meanwhile is looked at right after. */
  function look(): void {
    state.again = true
    state.running ??= (async () => {
      while (state.again && !closing.signal.aborted) {
        state.again = false
        await settle().catch((error) => log.warn({ err: error }, 'the engine and the database could not be compared'))
      }
      state.running = null
    })()
  }

  /** Each new connection to the runner may follow a time in which events were missed. */
  async function watch(): Promise<void> {
    while (!closing.signal.aborted) {
      look()
      try {
        for await (const { event } of runner.events(closing.signal)) if (event !== 'start') look()
      } catch (error) {
        log.debug({ err: error }, 'the runner is away')
      }
      await delay(AGAIN_MS, undefined, { signal: closing.signal }).catch(() => undefined)
    }
  }

  const watching = watch()
  const timer = setInterval(look, LOOK_EVERY_MS)
  return {
    look,
    async close() {
      closing.abort()
      clearInterval(timer)
      await watching
      await state.running
    },
  }
}
