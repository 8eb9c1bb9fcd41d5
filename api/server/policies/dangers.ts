import { unsafeFields } from '../../policy/unsafe.ts'
import type { Store } from '../../store/connect.ts'
import { readPolicies } from './read.ts'

/** `<policy>: <field>` for every danger that the policies in force accept. */
export async function unsafeInForce(db: Store): Promise<string[]> {
  const policies = await readPolicies(db)
  return policies.flatMap((policy) => unsafeFields(policy).map((field) => `${policy.name}: ${field}`))
}
