import { type PolicyInForce, policyInForce } from '../../contract/policy.ts'
import type { Store } from '../../store/connect.ts'

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

/** Every policy as it is in force, by name. */
export async function readPolicies(db: Store): Promise<PolicyInForce[]> {
  const rows = await db.selectFrom('policies_in_force').select('body').orderBy('name').execute()
  return rows.map(({ body }) => policyInForce.parse(body))
}
