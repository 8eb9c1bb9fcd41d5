import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { Transaction } from 'kysely'
import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import type { SandboxId } from '../../contract/ids.ts'
import type { PolicyInForce } from '../../contract/policy.ts'
import type { ImageProgress, SandboxSpec } from '../../contract/programs/runner.ts'
import type { Proof, SandboxState } from '../../contract/prototypes.ts'

import { ApiError } from '../../errors.ts'
import { refOf } from '../../policy/change.ts'
import { failuresOf } from '../../policy/proof.ts'
import type { Store } from '../../store/connect.ts'
import type { Database } from '../../store/tables.ts'
import type { GatewayClient } from '../nodes/gateway.ts'
import type { RunnerClient } from '../nodes/runner.ts'
import { isOutdated, isOver, type Plan, readPlan, specOf } from './plan.ts'
import { lockSandbox, type SandboxRow, transitionTo } from './transition.ts'

/** The gateway or the runner may be restarting: a step is tried again for this long. */
const PATIENCE_MS = 60_000
const RETRY_MS = 500

export interface ProvisionDeps {
  db: Store
  runner: Pick<RunnerClient, 'ensureImage' | 'create' | 'stop' | 'remove'>
  gateway: Pick<GatewayClient, 'openDoor' | 'closeDoor' | 'prove'>
  /** Where the package clients in the sandbox look, as the policy's bundles found it. Never a secret. */
  clientEnvironment(policy: PolicyInForce): Promise<Record<string, string>>
  /** The row says that it is stopped: no step is begun, or tried again, after this. */
  signal: AbortSignal
  log: FastifyBaseLogger
}

/** The sandbox was stopped or removed while it was being made: not a failure. */
class Interrupted extends Error {}
/** Its policy changed in the meantime: it is made again from there. */
class Outdated extends Error {}

const TEMPORARY = /^(runner_unavailable|gateway_unavailable|sandbox_not_ready)$/

const PATH: readonly SandboxState[] = ['building', 'starting', 'proving', 'claimed']
const system = { type: 'system', id: 'server' } as const

/**
 * Drives a sandbox from `building` (or from wherever a crash left it) to `claimed`. Every step may be done twice: images
 * are found by their hash, containers by their id. What the next step does is committed as the new state before it is done.
 * On failure the container goes, the workspace stays, and the row says why.
 */
export async function provision(id: SandboxId, deps: ProvisionDeps): Promise<void> {
  const { db, runner, gateway, signal, log } = deps
  const begun: { plan: Plan | null } = { plan: null }
  try {
    begun.plan = await readPlan(id, db)
    if (begun.plan) await make(begun.plan, deps)
  } catch (error) {
    // What fails once it is stopped fails because of that; whoever stopped it ends what is left.
    if (error instanceof Interrupted || signal.aborted) return
    const outdated = error instanceof Outdated || !(await markFailed(id, messageFor(error), begun.plan, db))
    if (!outdated) log.error({ err: error, sandbox: id }, 'a sandbox could not be made ready')
    await runner.remove(id, 'keep').catch((later) => log.warn({ err: later, sandbox: id }, 'left to the reconciler'))
    if (outdated) return provision(id, deps)
    await gateway
      .closeDoor(id)
      .catch((later) => log.warn({ err: later, sandbox: id }, 'its door stays open, and denies'))
  }
}

async function make(plan: Plan, deps: ProvisionDeps): Promise<void> {
  const { db, runner, gateway, signal } = deps
  const { id, policy } = plan
  const [image, environment] = await Promise.all([
    patiently(
      () => runner.ensureImage(policy.tools.allow, (progress) => void showProgress(id, progress, deps)),
      signal,
    ),
    deps.clientEnvironment(policy),
    // Nobody is behind it yet, so it denies; the porter must find it when its container starts.
    patiently(() => gateway.openDoor(id), signal),
    plan.hadContainer && patiently(() => endWhatRan(id, deps), signal),
  ])
  await advance(plan, 'starting', db, { image })
  await patiently(() => createContainer(specOf(plan, image, environment), deps), signal)
  await advance(plan, 'proving', db)
  const proof = await patiently(() => prove(id, deps), signal)
  await admit(plan, proof, db)
}

/**
 * A stop is committed before the processes end, and whoever had to end them may have been killed in between. What is handed
 * out was started after the last stop, whatever became of that one.
 */
async function endWhatRan(id: SandboxId, { runner }: ProvisionDeps): Promise<void> {
  await runner.stop(id).catch((error: unknown) => {
    if (!(error instanceof ApiError && error.code === 'not_found')) throw error
  })
}

/** `conflict`: the container was made from another image or policy. It is made again; the workspace is kept. */
async function createContainer(spec: SandboxSpec, { runner }: ProvisionDeps) {
  try {
    await runner.create(spec)
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 'conflict')) throw error
    await runner.remove(spec.id, 'keep')
    await runner.create(spec)
  }
}

/** The gateway waits for the porter. When it was restarted in the meantime, the door has to be there again for the next try. */
async function prove(id: SandboxId, { gateway, signal }: ProvisionDeps): Promise<Proof> {
  try {
    return await gateway.prove(id, signal)
  } catch (error) {
    if (!signal.aborted) await gateway.openDoor(id).catch(() => {})
    throw error
  }
}

/** Records the proof. When one probe failed, something that must hold does not: nothing may run in this sandbox, and it throws. */
async function admit(plan: Plan, proof: Proof, db: Store): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const row = await lockUnderWay(plan, trx)
    await trx
      .updateTable('sandboxes')
      .set({ proof: JSON.stringify(proof) })
      .where('id', '=', plan.id)
      .execute()
    await recordProof(trx, row, proof)
    if (proof.ok) await transitionTo(trx, row, 'claimed', { actor: system, reason: 'proven', correlation: plan.id })
  })
  if (proof.ok) return
  throw new ApiError(
    'internal',
    `This sandbox did not hold what it must (${failuresOf(proof).join(', ')}), so it was removed. Security can see it in the log.`,
  )
}

async function recordProof(trx: Transaction<Database>, row: SandboxRow, { ok, probes }: Proof): Promise<void> {
  await appendIn(
    trx,
    auditEvent('sandbox.proven', {
      actor: system,
      person: row.owner_id,
      prototype: row.prototype_id,
      sandbox: row.id,
      policy: refOf(row.policy_name, row.policy_version, row.container_version),
      decision: ok ? 'allow' : 'deny',
      reason: ok ? 'proof-passed' : 'proof-failed',
      correlation: row.id,
      detail: { ok, probes: probes.map(({ probe, expected, got }) => ({ probe, expected, got })) },
    }),
  )
}

/** Commits `to` as the state, or leaves it when a restart found the sandbox further on. */
async function advance(plan: Plan, to: SandboxState, db: Store, set: { image?: string } = {}): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const row = await lockUnderWay(plan, trx)
    if (set.image) await trx.updateTable('sandboxes').set({ image: set.image }).where('id', '=', plan.id).execute()
    if (PATH.indexOf(row.state) >= PATH.indexOf(to)) return
    await transitionTo(trx, row, to, { actor: system, reason: 'getting-ready', correlation: plan.id })
  })
}

async function lockUnderWay(plan: Plan, trx: Transaction<Database>): Promise<SandboxRow> {
  const row = await lockSandbox(trx, plan.id)
  if (row === null || isOver(row, plan)) throw new Interrupted()
  if (isOutdated(row, plan)) throw new Outdated()
  return row
}

/** False: what failed is not what is wanted any more. */
async function markFailed(id: SandboxId, detail: string, plan: Plan | null, db: Store): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const row = await lockSandbox(trx, id)
    if (!row || !PATH.includes(row.state)) return true
    if (plan && row.starts !== plan.start) return true
    if (plan && isOutdated(row, plan)) return false
    await transitionTo(trx, row, 'failed', { actor: system, reason: 'could-not-get-ready', correlation: id, detail })
    return true
  })
}

/** Shown on the page that waits. A progress that cannot be stored must not stop the work. */
async function showProgress(id: SandboxId, progress: ImageProgress, { db, log }: ProvisionDeps): Promise<void> {
  if (progress.type !== 'step') return
  const { step, steps, text } = progress
  await db
    .updateTable('sandboxes')
    .set({ detail: text.slice(0, 300), progress: JSON.stringify({ step, steps }), updated_at: new Date() })
    .where('id', '=', id)
    .where('state', 'in', ['building', 'starting'])
    .execute()
    .catch((error) => log.warn({ err: error, sandbox: id }, 'progress could not be shown'))
}

const messageFor = (error: unknown) =>
  error instanceof ApiError ? error.message : 'Something went wrong on our side. The log of the server says more.'

async function patiently<T>(step: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const endsAt = Date.now() + PATIENCE_MS
  for (;;) {
    if (signal.aborted) throw new Interrupted()
    try {
      return await step()
    } catch (error) {
      const isTemporary = error instanceof ApiError && TEMPORARY.test(error.code)
      if (!isTemporary || Date.now() > endsAt) throw error
      await delay(RETRY_MS)
    }
  }
}
