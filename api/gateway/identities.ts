import { z } from 'zod'
import { type PersonId, personId, prototypeId, type SandboxId, sandboxId } from '../contract/ids.ts'
import { policyInForce } from '../contract/policy.ts'
import { runtime, usersOf } from '../contract/programs/runner.ts'
import { dataLabel, sandboxState } from '../contract/prototypes.ts'
import type { Store } from '../store/connect.ts'
import type { DoorIdentity } from './identity.ts'

const row = z.object({
  sandbox: sandboxId,
  prototype: prototypeId,
  person: personId,
  label: dataLabel,
  state: sandboxState,
  policy: policyInForce.nullable(),
  user_slot: z.int().nullable(),
  held: z.boolean(),
  runtime,
})

/** States in which what a sandbox asks for is judged by its policy, unless there is a hold on it; else it is denied whatever it asks. */
const JUDGED = new Set(['proving', 'claimed'])
/** States whose socket directory must exist, so that the porter can reach us. */
const WITH_DOOR = new Set(['starting', 'proving', 'ready', 'claimed', 'paused'])

interface Read {
  identities: Map<SandboxId, DoorIdentity>
  owners: Map<SandboxId, PersonId>
  doors: SandboxId[]
  porterUsers: Map<SandboxId, number>
}

/** Who is behind each sandbox's sockets, as the database says; read whole at each change, never patched. */
export function createIdentities(db: Store) {
  const read: Read = { identities: new Map(), owners: new Map(), doors: [], porterUsers: new Map() }

  async function refresh() {
    const rows = await db
      .selectFrom('sandboxes')
      .innerJoin('prototypes', 'prototypes.id', 'sandboxes.prototype_id')
      .leftJoin('policies_in_force', 'policies_in_force.name', 'prototypes.policy')
      .where('sandboxes.state', 'not in', ['removed'])
      .select([
        'sandboxes.id as sandbox',
        'sandboxes.prototype_id as prototype',
        'sandboxes.owner_id as person',
        'sandboxes.state',
        'sandboxes.user_slot',
        'sandboxes.runtime',
        'prototypes.label',
        'policies_in_force.body as policy',
      ])
      .select(({ exists, selectFrom }) =>
        exists(selectFrom('sandboxes_held').select('hold_id').whereRef('sandbox_id', '=', 'sandboxes.id')).as('held'),
      )
      .execute()
    const identities = new Map<SandboxId, DoorIdentity>()
    const owners = new Map<SandboxId, PersonId>()
    const doors: SandboxId[] = []
    const porterUsers = new Map<SandboxId, number>()
    for (const raw of rows) {
      const { state, policy, held, user_slot: slot, runtime, ...identity } = row.parse(raw)
      if (slot !== null) porterUsers.set(identity.sandbox, usersOf(slot, runtime).porter)
      owners.set(identity.sandbox, identity.person)
      if (WITH_DOOR.has(state)) doors.push(identity.sandbox)
      if (JUDGED.has(state) && policy && !held)
        identities.set(identity.sandbox, { ...identity, proving: state === 'proving', policy })
    }
    read.identities = identities
    read.owners = owners
    read.doors = doors
    read.porterUsers = porterUsers
  }

  return {
    refresh,
    /** Null: nobody is known behind this socket, or not yet: deny everything. */
    identityOf: (id: SandboxId) => read.identities.get(id) ?? null,
    personOf: (id: SandboxId) => read.owners.get(id) ?? null,
    /** Unix user id of its porter; null when nobody knows this sandbox. */
    porterUserOf: (id: SandboxId) => read.porterUsers.get(id) ?? null,
    known: (id: SandboxId) => read.owners.has(id),
    withDoor: () => read.doors,
  }
}
export type Identities = ReturnType<typeof createIdentities>
