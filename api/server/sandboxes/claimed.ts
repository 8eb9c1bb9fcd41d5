import { type PrototypeId, personId, prototypeId, type SandboxId } from '../../contract/ids.ts'
import type { PolicyRef } from '../../contract/in-force.ts'
import { ApiError, notFound } from '../../errors.ts'
import { refOf } from '../../policy/change.ts'
import type { Store } from '../../store/connect.ts'
import { refuseHeld } from '../stops/held.ts'

/** The fields that every event about a sandbox carries. */
export interface Claimed {
  sandbox: SandboxId
  prototype: PrototypeId
  policy: PolicyRef
}

/**
 * A sandbox that people may work in. Throws `not_found`, `held`, or `sandbox_not_ready` in any state but `claimed`: nobody
 * may use a sandbox that is not proven yet (law 4).
 */
export async function claimedSandbox(db: Store, id: SandboxId): Promise<Claimed> {
  const row = await db.selectFrom('sandboxes').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row) throw notFound()
  await refuseHeld(db, { sandbox: id, owner: personId.parse(row.owner_id) })
  if (row.state !== 'claimed')
    throw new ApiError('sandbox_not_ready', `The sandbox is ${row.state}. Wait until it is ready, or start it.`)
  return {
    sandbox: id,
    prototype: prototypeId.parse(row.prototype_id),
    policy: refOf(row.policy_name, row.policy_version, row.container_version),
  }
}
