import type { SandboxId } from '../../contract/ids.ts'
import type { PolicyInForce } from '../../contract/policy.ts'
import { type SandboxSpec, type SandboxUsers, usersOf } from '../../contract/programs/runner.ts'
import { sandboxState } from '../../contract/prototypes.ts'
import { ApiError } from '../../errors.ts'
import { policyFor } from '../../policy/change.ts'
import type { Store } from '../../store/connect.ts'
import { readPolicy } from '../policies/read.ts'
import { isGettingReady } from './lifecycle.ts'
import type { SandboxRow } from './transition.ts'

/** What one start of a sandbox is made by, from its beginning to its end. */
export interface Plan {
  id: SandboxId
  /** Which start of it this is: after a stop and another start, this one is over. */
  start: number
  /** In force for it. */
  policy: PolicyInForce
  /** The versions of it, as its row has them. */
  versions: Pick<SandboxRow, 'policy_version' | 'container_version'>
  users: SandboxUsers
  /** With processes that must not live on in this start. */
  hadContainer: boolean
}

/** Null when it is not to be made ready any more. Throws ApiError `policy_invalid` when its policy is gone. */
export async function readPlan(id: SandboxId, db: Store): Promise<Plan | null> {
  const row = await db.selectFrom('sandboxes').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row || row.user_slot === null || !isGettingReady(sandboxState.parse(row.state))) return null
  const { policy_name: name, policy_version, container_version } = row
  const judgedBy = await readPolicy(db, name, policy_version)
  const container = container_version === null ? judgedBy : await readPolicy(db, name, container_version)
  if (!judgedBy || !container)
    throw new ApiError('policy_invalid', `The policy "${name}" version ${container_version ?? policy_version} is gone.`)
  const policy = policyFor(judgedBy, container)
  return {
    id,
    start: row.starts,
    policy,
    versions: { policy_version, container_version },
    users: usersOf(row.user_slot, policy.sandbox.runtime),
    hadContainer: row.image !== null && row.state !== 'proving',
  }
}

/** Stopped, or stopped and started again: nothing of this plan may go on. */
export const isOver = (row: SandboxRow, { start }: Plan) => !isGettingReady(row.state) || row.starts !== start

/** Its policy changed in the meantime: what was made is not what is wanted. */
export const isOutdated = (row: SandboxRow, { versions }: Plan) =>
  row.policy_version !== versions.policy_version || row.container_version !== versions.container_version

export function specOf(
  { id, policy, versions, users }: Plan,
  image: string,
  environment: Record<string, string>,
): SandboxSpec {
  const { runtime, cpus, memoryBytes, diskBytes, pids, unsafeUnlimited, requirePatchedRuntime } = policy.sandbox
  const { workspaceExec } = policy.tools
  const accepted = {
    ...(unsafeUnlimited ? { unsafeUnlimited } : {}),
    ...(requirePatchedRuntime ? { requirePatchedRuntime } : {}),
  }
  const sizes = { cpus, memoryBytes, diskBytes, pids, ...accepted }
  const madeBy = { name: policy.name, version: versions.container_version ?? versions.policy_version }
  return { id, policy: madeBy, image, runtime, users, ...sizes, workspaceExec, environment }
}
