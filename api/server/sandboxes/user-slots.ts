import { sql } from 'kysely'
import type { SandboxId } from '../../contract/ids.ts'
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

/** Gives back what removed sandboxes had, once the engine has no container of theirs. */
export async function freeUserSlots(db: Store, inEngine: readonly SandboxId[]): Promise<void> {
  const removed = db
    .updateTable('sandboxes')
    .set({ user_slot: null })
    .where('state', '=', 'removed')
    .where('user_slot', 'is not', null)
  await (inEngine.length === 0 ? removed : removed.where('id', 'not in', [...inEngine])).execute()
}
