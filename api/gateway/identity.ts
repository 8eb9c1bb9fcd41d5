import type { PersonId, PrototypeId, SandboxId } from '../contract/ids.ts'
import type { PolicyRef } from '../contract/in-force.ts'
import type { PolicyInForce } from '../contract/policy.ts'
import type { DataLabel } from '../contract/prototypes.ts'
import { refOf } from '../policy/change.ts'

/** Who is behind a sandbox's sockets, and what that sandbox may do. */
export interface DoorIdentity {
  sandbox: SandboxId
  prototype: PrototypeId
  person: PersonId
  label: DataLabel
  /** Its limits are being tried, and nobody works in it yet. */
  proving: boolean
  /** In force for it: what is built into its container is as its container was made. */
  policy: PolicyInForce
  /** The version that its container was made by; absent: the one of `policy`. */
  container?: number
}

/** One sandbox's door. Who it is = which socket was used; nothing that the sandbox sends enters here (law 1). */
export interface SandboxDoor {
  id: SandboxId
  /** As of now; asked again for every request. Null: nobody is known behind this door yet, or any more: deny everything. */
  current(): DoorIdentity | null
}

/** Whose a sandbox is, and what it is judged by whenever somebody is behind it. */
export interface Owner {
  person: PersonId
  prototype: PrototypeId
  policy: PolicyRef
}

/** A door that also knows whose it is when nobody is behind it. */
export interface OwnedDoor extends SandboxDoor {
  /** For what the log says, whatever state the sandbox is in: nothing is allowed by it. */
  owner(): Owner | null
}

/** How events name what is in force for it. */
export const policyOf = (identity: DoorIdentity | null): PolicyRef | null =>
  identity && refOf(identity.policy.name, identity.policy.version, identity.container ?? null)
