import { z } from 'zod'
import type { PolicyInForce } from '../../contract/policy.ts'
import { dataLabel } from '../../contract/prototypes.ts'
import { decideEgress, type EgressRequest } from '../egress.ts'
import { canonicalHost } from '../host.ts'
import { modelTarget } from '../models.ts'
import { registryName } from './bundles.ts'
import { type Parsed, parseAs } from './parse.ts'
import type { Registries } from './registries.ts'

const egressCase = z.strictObject({
  protocol: z.enum(['tls', 'http']).default('tls'),
  method: z.string().optional(),
  /** A host as a client would write it, or `registry:npm` for wherever this machine's client goes. */
  host: z.string().max(300),
  port: z.int().optional(),
  path: z.string().startsWith('/').optional(),
})
/** One question to a policy, and why its answer matters. The answer is in the file's name: `ok.<what>.yaml` or `deny.<what>.yaml`. */
export const policyCase = z.strictObject({
  why: z.string().min(1).max(300),
  ask: z.union([
    z.strictObject({ reach: egressCase }),
    z.strictObject({ model: z.strictObject({ label: dataLabel }) }),
    z.strictObject({ tool: z.string() }),
  ]),
  /** What the answer must say besides: the reason of a denial, the rule that decided, or `cloud`/`local` for a model. */
  expect: z.string().optional(),
  /** The day that the question is asked on; default today. */
  on: z.iso.date().optional(),
})
export type PolicyCase = z.infer<typeof policyCase>

export const parseCase = (yaml: string): Parsed<PolicyCase> => parseAs(policyCase, yaml)

export interface CaseAnswer {
  allowed: boolean
  /** Everything that a case's `expect` may name. */
  says: string[]
}

/** What a policy answers to a case's question. Pure; `registries` gives the places behind `registry:<name>`. */
export function answerCase(
  { ask, on }: PolicyCase,
  policy: PolicyInForce,
  registries: Registries,
  today: Date,
): CaseAnswer {
  if ('tool' in ask) return { allowed: policy.tools.allow.includes(ask.tool), says: [] }
  if ('model' in ask) {
    const found = modelTarget(policy, ask.model.label)
    if (found.effect === 'deny') return { allowed: false, says: [found.place, found.reason, found.rule] }
    return { allowed: true, says: [found.place, found.target, found.rule] }
  }
  const request = requestOf(ask.reach, registries)
  if (typeof request === 'string') return { allowed: false, says: [request] }
  const decision = decideEgress(policy, request, on ? new Date(`${on}T12:00:00Z`) : today)
  return { allowed: decision.effect === 'allow', says: [decision.reason, ...(decision.rule ? [decision.rule] : [])] }
}

/** The request that the gateway would judge, or the reason why its canonicaliser already refuses. */
function requestOf(reach: z.infer<typeof egressCase>, registries: Registries): EgressRequest | string {
  const wanted = registryName.safeParse(
    reach.host.startsWith('registry:') ? reach.host.slice('registry:'.length) : null,
  )
  const registry = wanted.success ? registries[wanted.data] : undefined
  const endpoint = registry?.ok ? registry.endpoints[0] : undefined
  if (wanted.success && !endpoint) return 'registry-unknown'
  const protocol = endpoint?.protocol ?? reach.protocol
  const host = canonicalHost(endpoint?.host ?? reach.host)
  if (!host.ok) return host.reason
  return {
    protocol,
    method: reach.method ?? (protocol === 'tls' ? 'CONNECT' : 'GET'),
    host: host.host,
    port: reach.port ?? endpoint?.port ?? (protocol === 'tls' ? 443 : 80),
    path: protocol === 'tls' ? null : (reach.path ?? '/'),
  }
}
