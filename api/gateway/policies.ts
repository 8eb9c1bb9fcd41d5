import { type PolicyInForce, policyInForce } from '../contract/policy.ts'
import type { Store } from '../store/connect.ts'

export interface PolicyVersion {
  name: string
  version: number
}

const keyOf = ({ name, version }: PolicyVersion) => `${name}/${version}`

/**
 * The versions of policies that sandboxes are judged by, each read and parsed once: a version never changes. One that does not
 * parse is as if it were not there, so that its own sandboxes are denied everything and no others (law 6).
 */
export function createPolicies(db: Store) {
  const read = { known: new Map<string, PolicyInForce>() }

  async function readNew(missing: readonly PolicyVersion[]): Promise<Map<string, PolicyInForce>> {
    if (missing.length === 0) return new Map()
    const rows = await db
      .selectFrom('policies')
      .select(['name', 'version', 'body'])
      .where((eb) => eb.or(missing.map(({ name, version }) => eb.and({ name, version }))))
      .execute()
    return new Map(
      rows.flatMap((row) => {
        const { data } = policyInForce.safeParse(row.body)
        return data ? [[keyOf(row), data] as const] : []
      }),
    )
  }

  return {
    /** Reads those of `wanted` that are not known yet, and forgets what nobody wants any more. */
    async load(wanted: readonly PolicyVersion[]): Promise<(version: PolicyVersion) => PolicyInForce | null> {
      const byKey = new Map(wanted.map((version) => [keyOf(version), version]))
      const found = await readNew([...byKey].flatMap(([key, version]) => (read.known.has(key) ? [] : [version])))
      const known = new Map<string, PolicyInForce>()
      for (const key of byKey.keys()) {
        const policy = read.known.get(key) ?? found.get(key)
        if (policy) known.set(key, policy)
      }
      read.known = known
      return (version) => known.get(keyOf(version)) ?? null
    },
  }
}
