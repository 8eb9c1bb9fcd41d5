import { sql, type Transaction } from 'kysely'
import { z } from 'zod'
import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import type { Actor } from '../../contract/audit.ts'
import { personId, prototypeId, type SandboxId, sandboxId } from '../../contract/ids.ts'
import { type RebuildReason, rebuildReason } from '../../contract/in-force.ts'
import { type SandboxState, sandboxState } from '../../contract/prototypes.ts'
import type { Reason } from '../../contract/reasons.ts'
import { ApiError } from '../../errors.ts'
import { refOf } from '../../policy/change.ts'
import type { Database } from '../../store/tables.ts'
import { keepHoldsOut, refuseHeld } from '../stops/held.ts'
import { beginsStart, checkTransition, isAllowedOnHold, isGettingReady } from './lifecycle.ts'

const row = z.object({
  id: sandboxId,
  prototype_id: prototypeId,
  owner_id: personId,
  state: sandboxState,
  /** How often it was started. */
  starts: z.int(),
  policy_name: z.string(),
  policy_version: z.int(),
  container_version: z.int().nullable(),
  rebuilt_for: rebuildReason.nullable(),
})
export type SandboxRow = z.output<typeof row>

/** Who changes a sandbox's state and why; `detail` is for people and stays with the row. */
export interface Cause {
  actor: Actor
  reason: Reason
  correlation: string
  detail?: string | null
}

/**
 * Keeps the row until the transaction ends, so that one sandbox makes one transition at a time. First in its transaction:
 * whoever places a hold locks in the same order.
 */
export async function lockSandbox(trx: Transaction<Database>, id: SandboxId): Promise<SandboxRow | null> {
  await keepHoldsOut(trx)
  const found = await trx
    .selectFrom('sandboxes')
    .select(['id', 'prototype_id', 'owner_id', 'state', 'starts', 'policy_name', 'policy_version'])
    .select(['container_version', 'rebuilt_for'])
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
  return found ? row.parse(found) : null
}

/** States in which its container stays what it is. In any other the next one is made by the version that is in force. */
const KEEPS_CONTAINER: readonly SandboxState[] = ['proving', 'ready', 'claimed', 'paused', 'removed']

/** The runtime of the version that a sandbox's container is made by: its porter's user follows from it. */
export const runtimeOf = (version: number) => sql<string>`coalesce((
  SELECT body #>> '{sandbox,runtime}' FROM policies WHERE name = sandboxes.policy_name AND version = ${version}
), runtime)`

/** What else of the row goes with a new state. */
function following(from: SandboxRow, to: SandboxState, reason: Reason) {
  const container = KEEPS_CONTAINER.includes(to) ? from.container_version : null
  const began: RebuildReason | null = rebuildReason.safeParse(reason).data ?? from.rebuilt_for
  return { container_version: container, rebuilt_for: isGettingReady(to) ? began : null }
}

/** The one way to change a sandbox's state: legal by lifecycle.ts, by the holds on it, and recorded in the same transaction. */
export async function transitionTo(
  trx: Transaction<Database>,
  from: SandboxRow,
  to: SandboxState,
  cause: Cause,
): Promise<void> {
  const legal = checkTransition(from.state, to)
  if (!isAllowedOnHold(to)) await refuseHeld(trx, { sandbox: from.id, owner: from.owner_id })
  if (!legal.ok) throw new ApiError('conflict', legal.reason)
  const detail = cause.detail ?? null
  const starts = beginsStart(from.state, to) ? from.starts + 1 : from.starts
  const { container_version, rebuilt_for } = following(from, to, cause.reason)
  const runtime = runtimeOf(container_version ?? from.policy_version)
  await trx
    .updateTable('sandboxes')
    .set({ state: to, starts, detail, progress: null, container_version, rebuilt_for, runtime, updated_at: new Date() })
    .where('id', '=', from.id)
    .execute()
  await appendIn(
    trx,
    auditEvent('sandbox.state', {
      actor: cause.actor,
      person: from.owner_id,
      prototype: from.prototype_id,
      sandbox: from.id,
      policy: refOf(from.policy_name, from.policy_version, container_version),
      decision: 'info',
      reason: cause.reason,
      correlation: cause.correlation,
      detail: { from: from.state, to, detail },
    }),
  )
}
