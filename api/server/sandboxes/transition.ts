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
import { checkTransition } from './lifecycle.ts'

const row = z.object({
  id: sandboxId,
  prototype_id: prototypeId,
  owner_id: personId,
  state: sandboxState,
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

/** Holds the row until the transaction ends, so that one sandbox makes one transition at a time. */
export async function lockSandbox(trx: Transaction<Database>, id: SandboxId): Promise<SandboxRow | null> {
  const found = await trx
    .selectFrom('sandboxes')
    .select(['id', 'prototype_id', 'owner_id', 'state', 'policy_name', 'policy_version'])
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
  return found ? row.parse(found) : null
}

/** The one way to change a sandbox's state: legal by lifecycle.ts, and recorded in the same transaction. */
export async function transitionTo(
  trx: Transaction<Database>,
  from: SandboxRow,
  to: SandboxState,
  cause: Cause,
): Promise<void> {
  const legal = checkTransition(from.state, to)
  if (!legal.ok) throw new ApiError('conflict', legal.reason)
  const detail = cause.detail ?? null
  await trx
    .updateTable('sandboxes')
    .set({ state: to, detail, progress: null, updated_at: new Date() })
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
