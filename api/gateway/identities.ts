import { z } from 'zod'
import { personId, prototypeId, type SandboxId, sandboxId } from '../contract/ids.ts'
import type { PolicyInForce } from '../contract/policy.ts'
import { runtime, usersOf } from '../contract/programs/runner.ts'
import { dataLabel, sandboxState } from '../contract/prototypes.ts'
import { policyFor, refOf } from '../policy/change.ts'
import type { Store } from '../store/connect.ts'
import type { DoorIdentity, Owner } from './identity.ts'
import { createPolicies, type PolicyVersion } from './policies.ts'

const row = z.object({
  sandbox: sandboxId,
  prototype: prototypeId,
  person: personId,
  label: dataLabel,
  state: sandboxState,
  policy_name: z.string(),
  policy_version: z.int(),
  container_version: z.int().nullable(),
  user_slot: z.int().nullable(),
  held: z.boolean(),
  runtime,
})

/** States in which what a sandbox asks for is judged by its policy, unless there is a hold on it; else it is denied whatever it asks. */
const JUDGED = new Set(['proving', 'claimed'])
/** States whose socket directory must exist, so that the porter can reach us. */
const WITH_DOOR = new Set(['starting', 'proving', 'ready', 'claimed', 'paused'])

type Versions = Pick<z.output<typeof row>, 'policy_name' | 'policy_version' | 'container_version'>

/** The version that a sandbox is judged by, and the one that its container was made by. */
function versionsOf({
  policy_name: name,
  policy_version,
  container_version,
}: Versions): [PolicyVersion, PolicyVersion] {
  return [
    { name, version: policy_version },
    { name, version: container_version ?? policy_version },
  ]
}

/** What is in force for a sandbox; the same value for all that have the same versions. */
function inForceBy(find: (version: PolicyVersion) => PolicyInForce | null) {
  const mixed = new Map<string, PolicyInForce>()
  return (versions: Versions): PolicyInForce | null => {
    const [judgedBy, container] = versionsOf(versions).map(find)
    if (!judgedBy || !container) return null
    const key = `${judgedBy.name}/${judgedBy.version}/${container.version}`
    const policy = mixed.get(key) ?? policyFor(judgedBy, container)
    mixed.set(key, policy)
    return policy
  }
}

interface Read {
  identities: Map<SandboxId, DoorIdentity>
  owners: Map<SandboxId, Owner>
  doors: SandboxId[]
  porterUsers: Map<SandboxId, number>
}

/**
 * Who is behind each socket of this instance's sandboxes, as the database says; read whole at each change, never patched.
 * A sandbox of another instance is unknown here: it gets no door, and what it asks for is denied.
 */
export function createIdentities(db: Store, instance: number) {
  const policies = createPolicies(db)
  const read: Read = { identities: new Map(), owners: new Map(), doors: [], porterUsers: new Map() }

  const readings = { begun: 0, applied: 0 }

  async function refresh() {
    const reading = ++readings.begun
    const rows = await readRows(db, instance)
    const identities = new Map<SandboxId, DoorIdentity>()
    const owners = new Map<SandboxId, Owner>()
    const doors: SandboxId[] = []
    const porterUsers = new Map<SandboxId, number>()
    // One that does not parse is nobody's: it is denied everything, and no other with it (law 6).
    const parsed = rows.flatMap((each) => row.safeParse(each).data ?? [])
    const inForce = inForceBy(await policies.load(parsed.flatMap(versionsOf)))
    for (const each of parsed) {
      const { state, sandbox, person, prototype, label, user_slot: slot, container_version: container } = each
      if (slot !== null) porterUsers.set(sandbox, usersOf(slot, each.runtime).porter)
      owners.set(sandbox, { person, prototype, policy: refOf(each.policy_name, each.policy_version, container) })
      if (WITH_DOOR.has(state)) doors.push(sandbox)
      const policy = JUDGED.has(state) && !each.held ? inForce(each) : null
      if (policy === null) continue
      const made = container === null ? {} : { container }
      identities.set(sandbox, { sandbox, prototype, person, label, proving: state === 'proving', policy, ...made })
    }
    // Another that began later has read what we have, or something newer.
    if (reading < readings.applied) return
    readings.applied = reading
    read.identities = identities
    read.owners = owners
    read.doors = doors
    read.porterUsers = porterUsers
  }

  return {
    refresh,
    /** Null: nobody is known behind this socket, or not yet: deny everything. */
    identityOf: (id: SandboxId) => read.identities.get(id) ?? null,
    /** Of every sandbox of this instance, whatever its state. */
    ownerOf: (id: SandboxId) => read.owners.get(id) ?? null,
    /** Unix user id of its porter; null when nobody knows this sandbox. */
    porterUserOf: (id: SandboxId) => read.porterUsers.get(id) ?? null,
    /** Every sandbox that there is, whichever instance has it; read now. */
    async everywhere(): Promise<ReadonlySet<string>> {
      const rows = await db.selectFrom('sandboxes').select('id').where('state', '!=', 'removed').execute()
      return new Set(rows.map(({ id }) => id))
    },
    withDoor: () => read.doors,
  }
}
export type Identities = ReturnType<typeof createIdentities>

function readRows(db: Store, instance: number) {
  return db
    .selectFrom('sandboxes')
    .innerJoin('prototypes', 'prototypes.id', 'sandboxes.prototype_id')
    .where('sandboxes.state', 'not in', ['removed'])
    .where('sandboxes.gateway', '=', instance)
    .select([
      'sandboxes.id as sandbox',
      'sandboxes.prototype_id as prototype',
      'sandboxes.owner_id as person',
      'sandboxes.state',
      'sandboxes.user_slot',
      'sandboxes.runtime',
      'prototypes.label',
      'sandboxes.policy_name',
      'sandboxes.policy_version',
      'sandboxes.container_version',
    ])
    .select(({ exists, selectFrom }) =>
      exists(selectFrom('sandboxes_held').select('hold_id').whereRef('sandbox_id', '=', 'sandboxes.id')).as('held'),
    )
    .execute()
}
