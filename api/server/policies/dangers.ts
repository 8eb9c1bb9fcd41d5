import { policyInForce } from '../../contract/policy.ts'
import { unsafeFields } from '../../policy/unsafe.ts'
import type { Store } from '../../store/connect.ts'

/** `<policy>: <field>` for every danger that the newest version of each policy accepts. */
export async function unsafeInForce(db: Store): Promise<string[]> {
  const rows = await db
    .selectFrom('policies')
    .distinctOn('name')
    .select('body')
    .orderBy('name')
    .orderBy('version', 'desc')
    .execute()
  return rows
    .map(({ body }) => policyInForce.parse(body))
    .flatMap((policy) => unsafeFields(policy).map((field) => `${policy.name}: ${field}`))
}
