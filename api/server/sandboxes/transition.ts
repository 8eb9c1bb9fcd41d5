import type { Transaction } from 'kysely'
import { z } from 'zod'
import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import type { Actor } from '../../contract/audit.ts'
import { personId, prototypeId, type SandboxId, sandboxId } from '../../contract/ids.ts'
import { type SandboxState, sandboxState } from '../../contract/prototypes.ts'
import type { Reason } from '../../contract/reasons.ts'
import { ApiError } from '../../errors.ts'
import type { Database } from '../../store/tables.ts'
import { keepHoldsOut, refuseHeld } from '../stops/held.ts'
import { beginsStart, checkTransition, isAllowedOnHold } from './lifecycle.ts'

const row = z.object({
  id: sandboxId,
  prototype_id: prototypeId,
  owner_id: personId,
  state: sandboxState,
  /** How often it was started. */
  starts: z.int(),
  policy_name: z.string(),
  policy_version: z.int(),
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
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
  return found ? row.parse(found) : null
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
  await trx
    .updateTable('sandboxes')
    .set({ state: to, starts, detail, progress: null, updated_at: new Date() })
    .where('id', '=', from.id)
    .execute()
  await appendIn(
    trx,
    auditEvent('sandbox.state', {
      actor: cause.actor,
      person: from.owner_id,
      prototype: from.prototype_id,
      sandbox: from.id,
      policy: { name: from.policy_name, version: from.policy_version },
      decision: 'info',
      reason: cause.reason,
      correlation: cause.correlation,
      detail: { from: from.state, to, detail },
    }),
  )
}
