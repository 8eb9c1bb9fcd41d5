import type { Runtime } from '../contract/programs/runner.ts'
import { DEPENDENT_PROBES, PROBES, type ProbeResult, type Proof } from '../contract/prototypes.ts'

/** Without an answer to each of these nothing is proven; the others depend on the policy. */
export const requiredProbes = PROBES.filter((name) => !DEPENDENT_PROBES.some((other) => other === name))

/**
 * Judges what a sandbox's probes came to. Everything that must be refused has to be refused: an attempt that failed for
 * another reason (`error`) proves nothing and fails. What was expected is written anew: the sandbox's word for it is not taken.
 */
export function judgeProof(results: readonly ProbeResult[], at: Date, runtime: Runtime): Proof {
  const missing = requiredProbes
    .filter((name) => !results.some(({ probe }) => probe === name))
    .map((probe) => ({ probe, got: 'error' as const, detail: 'was not tried' }))
  const probes = [...results, ...missing].map(
    (result): ProbeResult => ({ ...result, expected: mayPass(result.probe, runtime) ? 'passed' : 'refused' }),
  )
  return { ok: probes.every(holds), at: at.toISOString(), probes }
}

/** gVisor shows every process's environment and open files to every user of its kernel. The porter keeps no secret there. */
const mayPass = (probe: string, runtime: Runtime) =>
  probe === 'allowed-host' || (probe === 'porter-details' && runtime === 'runsc')

/**
 * That the world outside has a bad day (`error`) is no reason to take a sandbox away, for the two probes that need it: the
 * allowed host must not be refused, for then the policy is not in force, and under another name it must not be reached.
 */
function holds({ probe, expected, got }: ProbeResult): boolean {
  if (probe === 'allowed-host') return got !== 'refused'
  if (probe === 'other-server-name') return got !== 'passed'
  return expected === 'passed' || got === 'refused'
}

/** The probes that did not come out as they must, for people: `direct-tcp (connected to 1.1.1.1)`. */
export function failuresOf(proof: Proof): string[] {
  return proof.probes.filter((result) => !holds(result)).map(({ probe, detail }) => `${probe} (${detail})`)
}
