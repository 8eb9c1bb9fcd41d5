import type { DoctorReport, SandboxSpec } from '../contract/programs/runner.ts'

type Limited = Pick<SandboxSpec, 'runtime'> & {
  unsafeUnlimited?: boolean | undefined
  requirePatchedRuntime?: boolean | undefined
}
/** What the runner's doctor found that bears on a policy's runtime and limits. */
export type HostLimits = Pick<DoctorReport, 'runtimes' | 'unlimited' | 'escapes'>

/** Law 3: why a sandbox of this runtime would not have the limits that its policy promises on this host, or null. */
export function unheldLimits({ runtime, unsafeUnlimited }: Limited, { unlimited }: HostLimits): string | null {
  const unheld = unlimited[runtime] ?? []
  if (unheld.length === 0 || unsafeUnlimited) return null
  const fields = unheld.map((limit) => `sandbox.${limit}`)
  const named = [fields.slice(0, -1).join(', '), fields.at(-1)].filter((part) => part !== '').join(' and ')
  return `${named} would not hold with ${runtime} on this host; \`backlot doctor\` says why. Repair that, choose another runtime, or, if a sandbox that uses up this machine is acceptable, say so with \`unsafeUnlimited: true\` in \`sandbox\`.`
}

/**
 * Why `unsafeUnlimited` would change nothing here, or null. Asked when a policy is published and not when a sandbox is
 * made: a host that has learnt to hold its limits since then keeps more than the policy promises, and nobody's prototype
 * should stop for that.
 */
export function pointlessUnlimited({ runtime, unsafeUnlimited }: Limited, { unlimited }: HostLimits): string | null {
  if (!unsafeUnlimited || (unlimited[runtime] ?? []).length > 0) return null
  return `Every limit holds with ${runtime} on this host, so this would change nothing. Take it out.`
}

/** Law 3: why this host's runtime is not the repaired one that the policy demands, or null. */
export function unpatchedRuntime({ runtime, requirePatchedRuntime }: Limited, { escapes }: HostLimits): string | null {
  const known = escapes[runtime]
  if (!requirePatchedRuntime || known === undefined) return null
  return `${known} Upgrade it (\`backlot doctor\` says to what), choose another runtime, or take this out of the policy.`
}
