import { type PolicyInForce, policyInForce } from '../../contract/policy.ts'
import type { Store } from '../../store/connect.ts'

/** The newest version of a policy, or the one asked for; null when there is none. */
export async function readPolicy(
  db: Store,
  name: string,
  version: number | null = null,
): Promise<PolicyInForce | null> {
  const all = db.selectFrom('policies').select('body').where('name', '=', name)
  const one = version === null ? all.orderBy('version', 'desc').limit(1) : all.where('version', '=', version)
  const row = await one.executeTakeFirst()
  return row ? policyInForce.parse(row.body) : null
}
