import type { PolicyInForce, RuleInForce } from '../contract/policy.ts'
import type { EgressDenial } from '../contract/reasons.ts'
import { hostMatches } from './host.ts'
import { canonicalPath, pathMatches } from './path.ts'

/** What a sandbox asks for, canonical. `tls` is a CONNECT; `http` is a plain request, whose path comes without its query. */
export interface EgressRequest {
  protocol: 'tls' | 'http'
  method: string
  host: string
  port: number
  path: string | null
}

/** In the order in which a rule is compared: the reason of a denial is the furthest that any rule came. */
const MISSES = [
  'no-rule',
  'rule-expired',
  'port-not-allowed',
  'protocol-not-allowed',
  'method-not-allowed',
  'path-ambiguous',
  'path-not-allowed',
] as const satisfies readonly EgressDenial[]
export type EgressMiss = (typeof MISSES)[number]

export type EgressDecision =
  | {
      effect: 'allow'
      reason: 'rule'
      /** Id of the first rule that matches. */
      rule: string
      /** Networks beyond the public ones that the rules that match permit, together. */
      addresses: string[]
      /** When the grant ends, ms since the epoch: the latest end of the rules that match. Null: never. */
      endsAtMs: number | null
    }
  | { effect: 'deny'; reason: EgressMiss; rule: string | null }

/**
 * Decides on one request: deny unless a rule that has not expired names the host, port, protocol, method and path.
 * A denial names the rule that came closest, so that a person can see what was missing. Addresses, SNI and TLS are judged later.
 */
export function decideEgress(policy: PolicyInForce, request: EgressRequest, now: Date): EgressDecision {
  const matching: RuleInForce[] = []
  let closest: { reason: EgressMiss; rule: string | null } = { reason: 'no-rule', rule: null }
  for (const rule of policy.egress) {
    const miss = compare(rule, request, now)
    if (miss === null) matching.push(rule)
    else if (MISSES.indexOf(miss) > MISSES.indexOf(closest.reason)) closest = { reason: miss, rule: rule.id }
  }
  const first = matching[0]
  if (!first) return { effect: 'deny', ...closest }
  const ends = matching.map((rule) => (rule.expires === null ? null : startOf(rule.expires)))
  const last = ends.reduce((a, b) => (a === null || b === null ? null : Math.max(a, b)))
  return {
    effect: 'allow',
    reason: 'rule',
    rule: first.id,
    addresses: matching.flatMap((rule) => rule.addresses),
    endsAtMs: last,
  }
}

function compare(rule: RuleInForce, request: EgressRequest, now: Date): EgressMiss | null {
  if (!hostMatches(rule.host, request.host)) return 'no-rule'
  // `!(… < …)`: a date that does not parse is NaN, and must count as expired.
  if (rule.expires !== null && !(now.getTime() < startOf(rule.expires))) return 'rule-expired'
  if (!rule.ports.includes(request.port)) return 'port-not-allowed'
  if (rule.protocol !== request.protocol) return 'protocol-not-allowed'
  // A tunnel hides methods and paths: a rule that names them cannot be kept on one, so it never matches one.
  if (request.protocol === 'tls' && (rule.methods !== null || rule.paths !== null)) return 'protocol-not-allowed'
  if (rule.methods !== null && !rule.methods.includes(request.method)) return 'method-not-allowed'
  if (rule.paths === null) return null
  const path = canonicalPath(request.path ?? '')
  if (path === null) return 'path-ambiguous'
  return rule.paths.some((pattern) => pathMatches(pattern, path)) ? null : 'path-not-allowed'
}

const startOf = (day: string) => Date.parse(`${day}T00:00:00Z`)
