import { sql } from 'kysely'
import { type SandboxId, sandboxId } from '../../contract/ids.ts'
import type { Store } from '../../store/connect.ts'

/** The smallest set of users that no sandbox has. Held by a lock until the transaction ends, so that no two take one. */
export async function takeUserSlot(trx: Store): Promise<number> {
  await sql`SELECT pg_advisory_xact_lock(hashtext('user slots'))`.execute(trx)
  const { rows } = await sql<{ slot: number }>`
    SELECT min(slot) AS slot FROM (
      SELECT 0 AS slot UNION ALL SELECT user_slot + 1 FROM sandboxes WHERE user_slot IS NOT NULL
    ) AS candidates WHERE NOT EXISTS (SELECT FROM sandboxes WHERE user_slot = slot)`.execute(trx)
  const [found] = rows
  if (!found) throw new Error('there is no free set of users')
  return Number(found.slot)
}

/** Removed sandboxes that still have theirs. `removed` is the end: what is not busy now never gets a container again. */
export async function removedWithUsers(db: Store, isBusy: (id: SandboxId) => boolean): Promise<SandboxId[]> {
  const removed = await db
    .selectFrom('sandboxes')
    .select('id')
    .where('state', '=', 'removed')
    .where('user_slot', 'is not', null)
    .execute()
  return removed.map(({ id }) => sandboxId.parse(id)).filter((id) => !isBusy(id))
}

/** Gives back what those sandboxes had, for others to take. */
export async function freeUserSlots(db: Store, ids: readonly SandboxId[]): Promise<void> {
  if (ids.length === 0) return
  await db
    .updateTable('sandboxes')
    .set({ user_slot: null })
    .where('id', 'in', [...ids])
    .execute()
}
