import type { PolicyInForce } from '../contract/policy.ts'

const MOST_RULES = 10

/** Law 11: every danger that a policy in force has accepted, by the name of its field. Shown at start, kept in the log. */
export function unsafeFields({ sandbox, egress }: Pick<PolicyInForce, 'sandbox' | 'egress'>): string[] {
  // A tunnel is not looked into, whether the rule had to say so or a bundle's registry brought it.
  const opaque = egress.flatMap(({ id, protocol }) => (protocol === 'tls' ? [id] : []))
  const shared = egress.flatMap(({ id, unsafeSharedHost }) => (unsafeSharedHost ? [id] : []))
  return [
    ...(sandbox.unsafeUnlimited ? ['sandbox.unsafeUnlimited'] : []),
    ...(opaque.length > 0 ? [`egress.unsafeOpaque: ${listed(opaque)}`] : []),
    ...(shared.length > 0 ? [`egress.unsafeSharedHost: ${listed(shared)}`] : []),
  ]
}

function listed(rules: readonly string[]): string {
  const more = rules.length > MOST_RULES ? ` and ${rules.length - MOST_RULES} more` : ''
  return `${rules.slice(0, MOST_RULES).join(', ')}${more}`
}
