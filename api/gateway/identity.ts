import type { PersonId, PrototypeId, SandboxId } from '../contract/ids.ts'
import type { PolicyInForce } from '../contract/policy.ts'
import type { DataLabel } from '../contract/prototypes.ts'

/** Who is behind a sandbox's sockets, and what that sandbox may do. */
export interface DoorIdentity {
  sandbox: SandboxId
  prototype: PrototypeId
  person: PersonId
  label: DataLabel
  /** Its limits are being tried, and nobody works in it yet. */
  proving: boolean
  policy: PolicyInForce
}

/** One sandbox's door. Who it is = which socket was used; nothing that the sandbox sends enters here (law 1). */
export interface SandboxDoor {
  id: SandboxId
  /** As of now; asked again for every request. Null: nobody is known behind this door yet, or any more: deny everything. */
  current(): DoorIdentity | null
}
