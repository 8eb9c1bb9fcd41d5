import { sql } from 'kysely'
import type { Store } from './connect.ts'

/** Runs `work` unless another program is at the same just now. The lock is the database's, and goes with the connection. */
export async function alone(db: Store, what: 'recordings', work: () => Promise<void>): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ mine: boolean }>`
      SELECT pg_try_advisory_xact_lock(hashtext(${what})::bigint) AS mine`.execute(trx)
    if (rows[0]?.mine) await work()
  })
}
