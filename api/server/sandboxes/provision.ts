import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { Transaction } from 'kysely'
import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import type { SandboxId } from '../../contract/ids.ts'
import type { PolicyInForce } from '../../contract/policy.ts'
import { type ImageProgress, type SandboxSpec, type SandboxUsers, usersOf } from '../../contract/programs/runner.ts'
import { type Proof, type SandboxState, sandboxState } from '../../contract/prototypes.ts'

import { ApiError } from '../../errors.ts'
import { failuresOf } from '../../policy/proof.ts'
import type { Store } from '../../store/connect.ts'
import type { Database } from '../../store/tables.ts'
import type { GatewayClient } from '../nodes/gateway.ts'
import type { RunnerClient } from '../nodes/runner.ts'
import { readPolicy } from '../policies/read.ts'
import { isGettingReady } from './lifecycle.ts'
import { lockSandbox, type SandboxRow, transitionTo } from './transition.ts'

/** The gateway or the runner may be restarting: a step is tried again for this long. */
const PATIENCE_MS = 60_000
const PORTER_PATIENCE_MS = 60_000
const PORTER_LOOK_MS = 20
const RETRY_MS = 500

export interface ProvisionDeps {
  db: Store
  runner: Pick<RunnerClient, 'ensureImage' | 'create' | 'stop' | 'remove'>
  gateway: Pick<GatewayClient, 'openDoor' | 'closeDoor' | 'doorStatus' | 'prove'>
  /** Where the package clients in the sandbox look, as the policy's bundles found it. Never a secret. */
  clientEnvironment(policy: PolicyInForce): Promise<Record<string, string>>
  /** The row says that it is stopped: no step is begun, or tried again, after this. */
  signal: AbortSignal
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
  const { db, runner, gateway, signal, log } = deps
  try {
    const { start, policy, users, hadContainer } = await begin(id, db)
    const [image, environment] = await Promise.all([
      patiently(
        () => runner.ensureImage(policy.tools.allow, (progress) => void showProgress(id, progress, deps)),
        signal,
      ),
      deps.clientEnvironment(policy),
      hadContainer && patiently(() => endWhatRan(id, deps), signal),
    ])
    await advance(start, 'starting', db, { image })
    await patiently(() => gateway.openDoor(id), signal)
    await patiently(() => createContainer(specOf(id, image, users, policy, environment), deps), signal)
    await waitForPorter(id, deps)
    await advance(start, 'proving', db)
    const proof = await patiently(() => prove(id, deps), signal)
    await admit(start, proof, db)
  } catch (error) {
    // What fails once it is stopped fails because of that; whoever stopped it ends what is left.
    if (error instanceof Interrupted || signal.aborted) return
    log.error({ err: error, sandbox: id }, 'a sandbox could not be made ready')
    await markFailed(id, messageFor(error), db)
    await runner.remove(id, 'keep').catch((later) => log.warn({ err: later, sandbox: id }, 'left to the reconciler'))
    await gateway
      .closeDoor(id)
      .catch((later) => log.warn({ err: later, sandbox: id }, 'its door stays open, and denies'))
  }
}

interface Start {
  id: SandboxId
  number: number
}
interface Begun {
  policy: PolicyInForce
  users: SandboxUsers
  /** Which start of it this is: after a stop and another start, this one is over. */
  start: Start
  /** With processes that must not live on in this start. */
  hadContainer: boolean
}

async function begin(id: SandboxId, db: Store): Promise<Begun> {
  const row = await db.selectFrom('sandboxes').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row || row.user_slot === null || !isGettingReady(sandboxState.parse(row.state))) throw new Interrupted()
  const policy = await readPolicy(db, row.policy_name, row.policy_version)
  if (!policy)
    throw new ApiError('policy_invalid', `The policy "${row.policy_name}" version ${row.policy_version} is gone.`)
  const hadContainer = row.image !== null && row.state !== 'proving'
  return {
    start: { id, number: row.starts },
    policy,
    users: usersOf(row.user_slot, policy.sandbox.runtime),
    hadContainer,
  }
}

function specOf(
  id: SandboxId,
  image: string,
  users: SandboxUsers,
  { sandbox, tools }: PolicyInForce,
  environment: Record<string, string>,
): SandboxSpec {
  const { runtime, cpus, memoryBytes, diskBytes, pids, unsafeUnlimited } = sandbox
  const { workspaceExec } = tools
  const accepted = unsafeUnlimited ? { unsafeUnlimited } : {}
  return { id, image, runtime, users, cpus, memoryBytes, diskBytes, pids, ...accepted, workspaceExec, environment }
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

async function waitForPorter(id: SandboxId, { gateway, signal }: ProvisionDeps): Promise<void> {
  const endsAt = Date.now() + PORTER_PATIENCE_MS
  while (Date.now() < endsAt) {
    const { porter } = await patiently(() => gateway.doorStatus(id), signal)
    if (porter === 'connected') return
    await delay(PORTER_LOOK_MS)
  }
  throw new ApiError(
    'internal',
    'The sandbox started and did not answer within a minute. Try again; if it happens again, ask your admin.',
  )
}

/** When the gateway was restarted in the meantime, the porter has to come back to it first. */
async function prove(id: SandboxId, deps: ProvisionDeps): Promise<Proof> {
  await deps.gateway.openDoor(id)
  await waitForPorter(id, deps)
  return deps.gateway.prove(id)
}

/** Records the proof. When one probe failed, something that must hold does not: nothing may run in this sandbox, and it throws. */
async function admit(start: Start, proof: Proof, db: Store): Promise<void> {
  const { id } = start
  await db.transaction().execute(async (trx) => {
    const row = await lockUnderWay(start, trx)
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
async function advance(start: Start, to: SandboxState, db: Store, set: { image?: string } = {}): Promise<void> {
  const { id } = start
  await db.transaction().execute(async (trx) => {
    const row = await lockUnderWay(start, trx)
    if (set.image) await trx.updateTable('sandboxes').set({ image: set.image }).where('id', '=', id).execute()
    if (PATH.indexOf(row.state) >= PATH.indexOf(to)) return
    await transitionTo(trx, row, to, { actor: system, reason: 'getting-ready', correlation: id })
  })
}

async function lockUnderWay({ id, number }: Start, trx: Transaction<Database>): Promise<SandboxRow> {
  const row = await lockSandbox(trx, id)
  if (!row || !isGettingReady(row.state) || row.starts !== number) throw new Interrupted()
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
