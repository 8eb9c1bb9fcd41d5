/** What a new version of a policy means for what runs: which fields hold at once, and which take a new container. */
import { type ContainerChanges, containerChanges, type PolicyRef } from '../contract/in-force.ts'
import type { PolicyInForce } from '../contract/policy.ts'

type Direction = 'narrows' | 'widens'
/** Asked only where the two differ. */
type Compare<T> = (from: T, to: T) => Direction
/** `live`: the server and the gateway read it anew for everything that they decide. Every other field is built into a container. */
type Fields<T> = { readonly [K in keyof T]-?: 'live' | Compare<T[K]> }

const bySize: Compare<number> = (from, to) => (to < from ? 'narrows' : 'widens')
const byPermission: Compare<boolean | undefined> = (_from, to) => (to ? 'widens' : 'narrows')
const byEntries: Compare<readonly string[]> = (from, to) =>
  from.some((entry) => !to.includes(entry)) ? 'narrows' : 'widens'

/** Every field of a policy. A new one does not compile until somebody says which it is; `policyFor` keeps to it. */
const whole: Fields<Omit<PolicyInForce, 'tools' | 'sandbox'>> = {
  name: 'live',
  version: 'live',
  hash: 'live',
  description: 'live',
  egress: 'live',
  models: 'live',
  events: 'live',
}
const tools: Fields<PolicyInForce['tools']> = { allow: byEntries, workspaceExec: byPermission }
const sandbox: Fields<PolicyInForce['sandbox']> = {
  /** gVisor shares less of the host's kernel. */
  runtime: (_from, to) => (to === 'runsc' ? 'narrows' : 'widens'),
  cpus: bySize,
  memoryBytes: bySize,
  diskBytes: bySize,
  pids: bySize,
  /** Asked when a prototype is made. */
  perPerson: 'live',
  unsafeUnlimited: byPermission,
  /** A demand, so the other way round; the runner makes no container that does not meet it. */
  requirePatchedRuntime: (_from, to) => (to ? 'narrows' : 'widens'),
}

export interface PolicyChange {
  /** What it means for a container: nothing, less than it has, or only more. One field that narrows decides. */
  rebuild: 'none' | Direction
  changes: ContainerChanges
}

export function policyChange(from: PolicyInForce, to: PolicyInForce): PolicyChange {
  const found = [
    ...compared('', whole, from, to),
    ...compared('tools.', tools, from.tools, to.tools),
    ...compared('sandbox.', sandbox, from.sandbox, to.sandbox),
  ]
  const changes = containerChanges.parse(
    Object.fromEntries(found.map((change) => [change.field, { from: change.from, to: change.to }])),
  )
  const narrows = found.some(({ direction }) => direction === 'narrows')
  return { rebuild: found.length === 0 ? 'none' : narrows ? 'narrows' : 'widens', changes }
}

function compared<T extends object>(place: string, fields: Fields<T>, from: T, to: T) {
  const found: { field: string; direction: Direction; from: unknown; to: unknown }[] = []
  for (const key in fields) {
    const compare = fields[key]
    if (compare === 'live') continue
    // Where false is written as absent (contract/policy.ts).
    const [before, after] = [from[key] ?? false, to[key] ?? false]
    if (JSON.stringify(before) === JSON.stringify(after)) continue
    found.push({ field: `${place}${key}`, direction: compare(from[key], to[key]), from: before, to: after })
  }
  return found
}

/**
 * The one policy that is in force for a sandbox, for whoever judges, makes or proves it: what holds at once from the version
 * that it is judged by, and the rest from the version that its container was made by.
 */
export const policyFor = (judgedBy: PolicyInForce, container: PolicyInForce): PolicyInForce => ({
  ...judgedBy,
  tools: container.tools,
  sandbox: { ...container.sandbox, perPerson: judgedBy.sandbox.perPerson },
})

/** How events and people name it. `container`: null when its container was made by the same. */
export const refOf = (name: string, version: number, container: number | null): PolicyRef => ({
  name,
  version,
  ...(container === null ? {} : { container }),
})
