import { unsafeFields } from '../../policy/unsafe.ts'
import type { Store } from '../../store/connect.ts'
import { readPolicies } from './read.ts'

/** `policy <name>: <field>` for every danger that the policies in force accept, and the same for providers. */
export async function unsafeInForce(db: Store): Promise<string[]> {
  const [policies, providers] = await Promise.all([
    readPolicies(db),
    db.selectFrom('providers').select('id').where('unsafe_local', '=', true).orderBy('id').execute(),
  ])
  return [
    ...policies.flatMap((policy) => unsafeFields(policy).map((field) => `policy ${policy.name}: ${field}`)),
    ...providers.map(({ id }) => `provider ${id}: unsafeLocal`),
  ]
}
