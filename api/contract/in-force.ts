/** Which version of its policy is in force for a sandbox, and what waits for its next start. */
import { z } from 'zod'
import { runtime } from './programs/runner.ts'

const moved = <T extends z.ZodType>(value: T) => z.strictObject({ from: value, to: value }).optional()
/** What differs between two versions of a policy and takes a new container, by its place in policyInForce; absent: the same in both. */
export const containerChanges = z.strictObject({
  'tools.allow': moved(z.array(z.string())),
  'tools.workspaceExec': moved(z.boolean()),
  'sandbox.runtime': moved(runtime),
  'sandbox.cpus': moved(z.number()),
  'sandbox.memoryBytes': moved(z.int()),
  'sandbox.diskBytes': moved(z.int()),
  'sandbox.pids': moved(z.int()),
  'sandbox.unsafeUnlimited': moved(z.boolean()),
  'sandbox.requirePatchedRuntime': moved(z.boolean()),
})
export type ContainerChanges = z.infer<typeof containerChanges>

/**
 * The version that a sandbox is judged by. `container`: what its container was made by, where that is older because a widening
 * waits for its next start.
 */
export const policyRef = z.strictObject({
  name: z.string().max(60),
  version: z.int(),
  container: z.int().optional(),
})
export type PolicyRef = z.infer<typeof policyRef>

/** Why a sandbox that people worked in is made anew. */
export const rebuildReason = z.enum(['policy-narrowed', 'policy-applied'])
export type RebuildReason = z.infer<typeof rebuildReason>
