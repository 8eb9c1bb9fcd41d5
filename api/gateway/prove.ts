import type { SandboxId } from '../contract/ids.ts'
import type { PolicyInForce } from '../contract/policy.ts'
import type { ProbePlan } from '../contract/programs/porter.ts'
import type { Proof } from '../contract/prototypes.ts'
import { ApiError } from '../errors.ts'
import { judgeProof } from '../policy/proof.ts'
import type { Identities } from './identities.ts'
import type { PorterClient } from './porter/client.ts'
import { notConnected } from './porter/request.ts'

/** From the start of a container until its porter connects: a fraction of a second, on a machine that has time. */
const PORTER_PATIENCE_MS = 60_000

interface ProveDeps {
  identities: Identities
  porter: Pick<PorterClient, 'untilConnected' | 'probe' | 'instance' | 'markProven'>
  /** Its firing ends the wait for the porter. */
  signal: AbortSignal
}

/**
 * Waits for a sandbox's porter, lets it try what must be refused, under the policy that is in force now, and judges what came
 * of it.
 */
export async function prove(id: SandboxId, { identities, porter, signal }: ProveDeps): Promise<Proof> {
  const patience = AbortSignal.timeout(PORTER_PATIENCE_MS)
  // The server moves the sandbox to `proving` a moment before it asks: the notification may still be on its way.
  const [connected] = await Promise.all([
    porter.untilConnected(AbortSignal.any([signal, patience])),
    identities.refresh(),
  ])
  if (!connected) throw patience.aborted ? NEVER_CAME() : notConnected()
  const policy = identities.identityOf(id)?.policy
  // Whose policy nobody knows cannot be proven to keep to it: it was stopped meanwhile, or is on hold.
  if (!policy) throw notConnected()
  const plan = planProbes(policy)
  const instance = porter.instance()
  const { results } = await porter.probe(plan)
  // A proof counts for the start of the container in which it was made, and for no other.
  if (instance === null || porter.instance() !== instance) throw notConnected()
  const proof = judgeProof(results, new Date(), policy.sandbox.runtime)
  if (proof.ok) porter.markProven(instance)
  return proof
}

const NEVER_CAME = () =>
  new ApiError(
    'internal',
    'The sandbox started and did not answer within a minute. Try again; if it happens again, ask your admin.',
  )

/** One host that the policy allows by its whole name, so that the proof also shows what works. */
function planProbes(policy: PolicyInForce): ProbePlan {
  const rule = policy.egress.find(({ host, protocol }) => protocol === 'tls' && !host.startsWith('*'))
  const [port] = rule?.ports ?? []
  return {
    allowed: rule && port ? { host: rule.host, port } : null,
    workspaceExec: policy.tools.workspaceExec,
  }
}
