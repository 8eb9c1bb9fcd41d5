import { sql } from 'kysely'
import { type PolicyInForce, policyInForce } from '../../contract/policy.ts'
import type { Store } from '../../store/connect.ts'

const MAX_HISTORY = 100

const lockName = (name: string) => `policy ${name}`

/** Until the transaction ends nobody publishes a policy of this name, or makes a sandbox by it. Taken before any row is locked. */
export async function lockPolicy(trx: Store, name: string): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(hashtext(${lockName(name)}))`.execute(trx)
}

/** Until the transaction ends the version in force stays that, so that no sandbox is made that the next one does not find. */
export async function holdPolicy(trx: Store, name: string): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock_shared(hashtext(${lockName(name)}))`.execute(trx)
}

/** The version of a policy that is in force, or the one asked for; null when there is none. */
export async function readPolicy(
  db: Store,
  name: string,
  version: number | null = null,
): Promise<PolicyInForce | null> {
  const row =
    version === null
      ? await db.selectFrom('policies_in_force').select('body').where('name', '=', name).executeTakeFirst()
      : await db
          .selectFrom('policies')
          .select('body')
          .where('name', '=', name)
          .where('version', '=', version)
          .executeTakeFirst()
  return row ? policyInForce.parse(row.body) : null
}

/** The number of the version in force; 0 when there is none. */
export async function readVersion(db: Store, name: string): Promise<number> {
  const row = await db.selectFrom('policies_in_force').select('version').where('name', '=', name).executeTakeFirst()
  return row?.version ?? 0
}

/** Every policy as it is in force, by name. */
export async function readPolicies(db: Store): Promise<PolicyInForce[]> {
  const rows = await db.selectFrom('policies_in_force').select('body').orderBy('name').execute()
  return rows.map(({ body }) => policyInForce.parse(body))
}

/** What somebody may choose from when they make a prototype. */
export async function listPolicies(db: Store) {
  const rows = await db
    .selectFrom('policies_in_force')
    .select(['name', 'version', 'hash', 'origin', 'created_at', 'body'])
    .orderBy('name')
    .execute()
  return rows.map(({ name, version, hash, origin, created_at, body }) => ({
    name,
    version,
    hash,
    origin,
    createdAt: created_at.toISOString(),
    description: policyInForce.parse(body).description,
  }))
}

/** The version in force with its YAML, and the last versions, newest first. Null when there is no such policy. */
export async function readWithHistory(db: Store, name: string) {
  const rows = await db
    .selectFrom('policies')
    .leftJoin('people', 'people.id', 'policies.created_by')
    .select(['policies.version', 'policies.hash', 'policies.body', 'policies.source', 'policies.origin'])
    .select(['policies.created_at', 'people.name as by'])
    .where('policies.name', '=', name)
    .orderBy('policies.version', 'desc')
    .limit(MAX_HISTORY)
    .execute()
  const newest = rows[0]
  if (!newest) return null
  return {
    policy: policyInForce.parse(newest.body),
    source: newest.source,
    history: rows.map(({ version, hash, origin, created_at, by }) => ({
      version,
      hash,
      origin,
      by,
      createdAt: created_at.toISOString(),
    })),
  }
}
