import { sql, type Transaction } from 'kysely'
import { z } from 'zod'
import { type HoldNotice, holdScope } from '../../contract/holds.ts'
import type { PersonId, SandboxId } from '../../contract/ids.ts'
import { ApiError } from '../../errors.ts'
import type { Store } from '../../store/connect.ts'
import type { Database } from '../../store/tables.ts'

/**
 * Whoever starts something takes this before any row, and then looks for holds: what was not held then is not held until the
 * transaction ends. Many may have it at once.
 */
export async function keepHoldsOut(trx: Transaction<Database>): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock_shared(hashtext('holds'))`.execute(trx)
}

/** Whoever places a hold takes this before any row: starts under way are committed first, and later ones see the hold. */
export async function keepStartsOut(trx: Transaction<Database>): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(hashtext('holds'))`.execute(trx)
}

/** What a hold may be on. `sandbox` null: what a person does without one. */
export interface Subject {
  sandbox: SandboxId | null
  owner: PersonId
}

/** A hold and who placed it; a time that went through JSON is text. */
export const noticeRow = z
  .object({ scope: holdScope, reason: z.string(), placed_at: z.coerce.date(), name: z.string(), email: z.string() })
  .transform(
    ({ placed_at, name, email, ...rest }): HoldNotice => ({
      ...rest,
      placedAt: placed_at.toISOString(),
      by: { name, email },
    }),
  )

/** Every hold on it, oldest first. */
export async function holdsOn(db: Store, { sandbox, owner }: Subject): Promise<HoldNotice[]> {
  const rows = await db
    .selectFrom('holds')
    .innerJoin('people', 'people.id', 'holds.placed_by')
    .select(['scope', 'reason', 'placed_at', 'name', 'email'])
    .where((eb) => eb.or([eb('scope', '=', 'everything'), eb('sandbox_id', '=', sandbox), eb('person_id', '=', owner)]))
    .orderBy('placed_at')
    .orderBy('holds.id')
    .execute()
  return z.array(noticeRow).parse(rows)
}

const whatOf: Record<HoldNotice['scope'], string> = {
  sandbox: 'this prototype',
  person: 'your prototypes',
  everything: 'all prototypes',
}

/** Throws `held`, in words for the owner, when there is a hold on it. */
export async function refuseHeld(db: Store, subject: Subject): Promise<void> {
  const [hold] = await holdsOn(db, subject)
  if (!hold) return
  const { name, email } = hold.by
  throw new ApiError(
    'held',
    `${name} put ${whatOf[hold.scope]} on hold: “${hold.reason}” Nothing can be run, started or deleted until security or an admin releases the hold. Ask ${name} (${email}).`,
  )
}

/** Whether this person is on hold: not what they have, they themselves. */
export async function isPersonHeld(db: Store, person: PersonId): Promise<boolean> {
  const one = db.selectFrom('holds').select('id').where('person_id', '=', person).limit(1)
  return (await one.executeTakeFirst()) !== undefined
}
