import { join } from 'node:path'
import { checkPolicies } from '../../server/policies/check.ts'
import type { Say, Where } from './place.ts'

/** `backlot policy check`. False when a policy, a bundle or a case does not hold. */
export async function checkPolicyFolder({ root }: Where, folder: string, say: Say): Promise<boolean> {
  const report = await checkPolicies({ folder, images: join(root, 'sandbox-images') })
  for (const line of report.lines) say(line)
  return report.ok
}
