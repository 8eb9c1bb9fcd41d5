import type { ProbeResult, Proof } from '../contract/prototypes.ts'

/** Without a result for each of these, nothing is proven. What is tried for each is in sandbox-images/porter/network/probe.ts. */
export const requiredProbes = [
  'denied-name',
  'raw-address',
  'metadata-address',
  'gateway-host',
  'direct-tcp',
  'direct-ipv6',
  'direct-udp',
  'other-dns-server',
  'name-lookup',
  'write-root',
  'write-sockets',
  'socket-families',
  'network-card',
  'capabilities',
] as const

/**
 * Judges what a sandbox's probes came to. Everything that must be refused has to be refused: an attempt that failed for
 * another reason (`error`) proves nothing and fails. The allowed host is the other way round: refused means that the policy
 * is not in force; unreachable (`error`) means that something outside is broken, which is no reason to refuse the
 * sandbox. It stays visible in the proof.
 */
export function judgeProof(results: ProbeResult[], at: Date): Proof {
  const missing = requiredProbes
    .filter((name) => !results.some(({ probe }) => probe === name))
    .map((probe): ProbeResult => ({ probe, expected: 'refused', got: 'error', detail: 'was not tried' }))
  const probes = [...results, ...missing]
  return { ok: probes.every(asExpected), at: at.toISOString(), probes }
}

/** What the sandbox says that it expected is not believed: only an `allowed-…` probe may pass. */
function asExpected({ probe, got }: ProbeResult) {
  return probe === 'allowed-host' ? got !== 'refused' : got === 'refused'
}

/** The probes that did not come out as they must, for people: `direct-tcp (connected to 1.1.1.1)`. */
export function failuresOf(proof: Proof): string[] {
  return proof.probes.filter((result) => !asExpected(result)).map(({ probe, detail }) => `${probe} (${detail})`)
}
