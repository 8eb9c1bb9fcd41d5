import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { Transaction } from 'kysely'
import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import type { SandboxId } from '../../contract/ids.ts'
import type { PolicyInForce } from '../../contract/policy.ts'
import { type ImageProgress, type SandboxSpec, type SandboxUsers, usersOf } from '../../contract/programs/runner.ts'
import type { Proof, SandboxState } from '../../contract/prototypes.ts'

import { ApiError } from '../../errors.ts'
import { failuresOf } from '../../policy/proof.ts'
import type { Store } from '../../store/connect.ts'
import type { Database } from '../../store/tables.ts'
import type { GatewayClient } from '../nodes/gateway.ts'
import type { RunnerClient } from '../nodes/runner.ts'
import { readPolicy } from '../policies/read.ts'
import { lockSandbox, type SandboxRow, transitionTo } from './transition.ts'

/** The gateway or the runner may be restarting: a step is tried again for this long. */
const PATIENCE_MS = 60_000
const RETRY_MS = 500

export interface ProvisionDeps {
  db: Store
  runner: Pick<RunnerClient, 'ensureImage' | 'create' | 'remove'>
  gateway: Pick<GatewayClient, 'openDoor' | 'closeDoor' | 'prove'>
  /** Where the package clients in the sandbox look, as the policy's bundles found it. Never a secret. */
  clientEnvironment(policy: PolicyInForce): Promise<Record<string, string>>
  log: FastifyBaseLogger
}

/** The sandbox was stopped or removed while it was being made: not a failure. */
class Interrupted extends Error {}

const TEMPORARY = /^(runner_unavailable|gateway_unavailable|sandbox_not_ready)$/

const PATH: readonly SandboxState[] = ['building', 'starting', 'proving', 'claimed']
const system = { type: 'system', id: 'server' } as const

/**
 * Drives a sandbox from `building` (or from wherever a crash left it) to `claimed`. Every step may be done twice: images
 * are found by their hash, containers by their id. What the next step does is committed as the new state before it is done.
 * On failure the container goes, the workspace stays, and the row says why.
 */
export async function provision(id: SandboxId, deps: ProvisionDeps): Promise<void> {
  const { db, runner, gateway, log } = deps
  try {
    const { policy, users } = await begin(id, db)
    const [image, environment] = await Promise.all([
      patiently(() => runner.ensureImage(policy.tools.allow, (progress) => void showProgress(id, progress, deps))),
      deps.clientEnvironment(policy),
      // Nobody is behind it yet, so it denies; the porter must find it when its container starts.
      patiently(() => gateway.openDoor(id)),
    ])
    await advance(id, 'starting', db, { image })
    await patiently(() => createContainer(specOf(id, image, users, policy, environment), deps))
    await advance(id, 'proving', db)
    const proof = await patiently(() => prove(id, deps))
    await admit(id, proof, db)
  } catch (error) {
    if (error instanceof Interrupted) return
    log.error({ err: error, sandbox: id }, 'a sandbox could not be made ready')
    await markFailed(id, messageFor(error), db)
    await runner.remove(id, 'keep').catch((later) => log.warn({ err: later, sandbox: id }, 'left to the reconciler'))
    await gateway
      .closeDoor(id)
      .catch((later) => log.warn({ err: later, sandbox: id }, 'its door stays open, and denies'))
  }
}

async function begin(id: SandboxId, db: Store): Promise<{ policy: PolicyInForce; users: SandboxUsers }> {
  const row = await db.selectFrom('sandboxes').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row || row.user_slot === null) throw new Interrupted()
  const policy = await readPolicy(db, row.policy_name, row.policy_version)
  if (!policy)
    throw new ApiError('policy_invalid', `The policy "${row.policy_name}" version ${row.policy_version} is gone.`)
  return { policy, users: usersOf(row.user_slot, policy.sandbox.runtime) }
}

function specOf(
  id: SandboxId,
  image: string,
  users: SandboxUsers,
  { sandbox, tools }: PolicyInForce,
  environment: Record<string, string>,
): SandboxSpec {
  const { runtime, cpus, memoryBytes, diskBytes, pids, unsafeUnlimited, requirePatchedRuntime } = sandbox
  const { workspaceExec } = tools
  const accepted = {
    ...(unsafeUnlimited ? { unsafeUnlimited } : {}),
    ...(requirePatchedRuntime ? { requirePatchedRuntime } : {}),
  }
  return { id, image, runtime, users, cpus, memoryBytes, diskBytes, pids, ...accepted, workspaceExec, environment }
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
async function prove(id: SandboxId, { gateway }: ProvisionDeps): Promise<Proof> {
  try {
    return await gateway.prove(id)
  } catch (error) {
    await gateway.openDoor(id).catch(() => {})
    throw error
  }
}

/** Records the proof. When one probe failed, something that must hold does not: nothing may run in this sandbox, and it throws. */
async function admit(id: SandboxId, proof: Proof, db: Store): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const row = await lockUnderWay(id, trx)
    await trx
      .updateTable('sandboxes')
      .set({ proof: JSON.stringify(proof) })
      .where('id', '=', id)
      .execute()
    await recordProof(trx, row, proof)
    if (proof.ok) await transitionTo(trx, row, 'claimed', { actor: system, reason: 'proven', correlation: id })
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
      policy: { name: row.policy_name, version: row.policy_version },
      decision: ok ? 'allow' : 'deny',
      reason: ok ? 'proof-passed' : 'proof-failed',
      correlation: row.id,
      detail: { ok, probes: probes.map(({ probe, expected, got }) => ({ probe, expected, got })) },
    }),
  )
}

/** Commits `to` as the state, or leaves it when a restart found the sandbox further on. */
async function advance(id: SandboxId, to: SandboxState, db: Store, set: { image?: string } = {}): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const row = await lockUnderWay(id, trx)
    if (set.image) await trx.updateTable('sandboxes').set({ image: set.image }).where('id', '=', id).execute()
    if (PATH.indexOf(row.state) >= PATH.indexOf(to)) return
    await transitionTo(trx, row, to, { actor: system, reason: 'getting-ready', correlation: id })
  })
}

async function lockUnderWay(id: SandboxId, trx: Transaction<Database>): Promise<SandboxRow> {
  const row = await lockSandbox(trx, id)
  if (!row || !PATH.includes(row.state) || row.state === 'claimed') throw new Interrupted()
  return row
}

async function markFailed(id: SandboxId, detail: string, db: Store): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const row = await lockSandbox(trx, id)
    if (!row || !PATH.includes(row.state)) return
    await transitionTo(trx, row, 'failed', { actor: system, reason: 'could-not-get-ready', correlation: id, detail })
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

async function patiently<T>(step: () => Promise<T>): Promise<T> {
  const endsAt = Date.now() + PATIENCE_MS
  for (;;) {
    try {
      return await step()
    } catch (error) {
      const isTemporary = error instanceof ApiError && TEMPORARY.test(error.code)
      if (!isTemporary || Date.now() > endsAt) throw error
      await delay(RETRY_MS)
    }
  }
}
