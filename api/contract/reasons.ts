/**
 * Every code that the log, the header `x-backlot-reason` and an answer to a sandbox give as a reason. Whoever puts codes into
 * words has a `Record` over them, so a code without words does not compile: `gateway/egress/denial.ts` for the sandbox,
 * `web/src/modules/audit/reasons.ts` for people.
 */
import { z } from 'zod'

/** A request or tunnel that does not leave, in the order in which it is judged. */
export const EGRESS_DENIALS = [
  'header-too-large',
  'header-timeout',
  'too-many-connections',
  'rate-limit',
  'malformed-request',
  'not-http',
  'http2-preface',
  'framing-ambiguous',
  'host-header-missing',
  'host-header-repeated',
  'upgrade-not-allowed',
  'expectation-unknown',
  'not-a-proxy-request',
  'scheme-not-allowed',
  'target-invalid',
  'host-empty',
  'host-too-long',
  'host-non-ascii',
  'host-userinfo',
  'host-ip-literal',
  'host-invalid',
  'host-single-label',
  'host-metadata',
  'port-missing',
  'port-invalid',
  'no-identity',
  'no-rule',
  'rule-expired',
  'port-not-allowed',
  'protocol-not-allowed',
  'method-not-allowed',
  'path-ambiguous',
  'path-not-allowed',
  'audit-unavailable',
  'policy-change',
  'address-private',
  'address-cgnat',
  'address-ula',
  'address-reserved',
  'address-loopback',
  'address-link-local',
  'address-metadata',
  'address-multicast',
  'address-broadcast',
  'address-unspecified',
  'address-invalid',
  'self-connection',
  'connect-non-tls',
  'hello-too-large',
  'hello-timeout',
  'hello-malformed',
  'hello-changed',
  'tls-too-old',
  'sni-missing',
  'sni-repeated',
  'sni-invalid',
  'sni-mismatch',
  'ech',
] as const
export type EgressDenial = (typeof EGRESS_DENIALS)[number]

/** What was allowed and could not be reached, or answered nonsense. Only answers to a sandbox say these. */
export const EGRESS_FAILURES = [
  'dns-failed',
  'dns-timeout',
  'upstream-unreachable',
  'upstream-timeout',
  'upstream-invalid',
] as const
export type EgressFailure = (typeof EGRESS_FAILURES)[number]

/** Why a policy and a data label give no model. */
export const MODEL_MISSES = [
  'model-not-allowed',
  'label-no-model',
  'no-model',
  'model-not-assigned',
  'provider-unknown',
  'provider-not-local',
] as const
export type ModelMiss = (typeof MODEL_MISSES)[number]

/** A model call that is not made. */
export const MODEL_DENIALS = [
  'malformed-request',
  'rate-limit',
  'too-many-connections',
  'no-identity',
  'too-many-calls',
  'path-unknown',
  'method-refused',
  'query-refused',
  'body-encoded',
  'body-timeout',
  'body-too-large',
  'too-much-held',
  'body-invalid',
  'body-too-many-values',
  'server-side-refused',
  ...MODEL_MISSES,
  'format-not-offered',
  'audit-unavailable',
] as const
export type ModelDenial = (typeof MODEL_DENIALS)[number]

/** What an allowed model call was answered with instead of the provider's own words. */
export const MODEL_FAILURES = [
  'provider-key-refused',
  'upstream-redirect',
  'provider-address-public',
  'upstream-error',
  'upstream-failed',
  'demo-too-large',
  'demo-unreadable',
] as const
export type ModelFailure = (typeof MODEL_FAILURES)[number]

/** How an allowed request, tunnel or model call ended. */
export const OUTCOMES = [
  'completed',
  'client-closed',
  'upstream-closed',
  'upstream-error',
  'provider-address-public',
  'policy-change',
  'killed',
  'limit',
  'error',
] as const

/** Everything else that events give as their reason: who may, who did, what was found. */
export const OTHER_REASONS = [
  'rule',
  'allowed',
  'asked-for',
  'own-sandbox',
  'own-account',
  'own-token',
  'by-admin',
  'admin',
  'command-line',
  'first-start',
  'launcher-link',
  'invited',
  'new-link',
  'security-role',
  'not-permitted',
  'signed-in',
  'signed-out',
  'wrong-credentials',
  'link-not-valid',
  'throttled',
  'from-file',
  'surroundings-changed',
  'policy-narrowed',
  'policy-applied',
  'started',
  'no-heartbeat',
  'ended',
  'outcome-unknown',
  'ordered',
  'released',
  'getting-ready',
  'could-not-get-ready',
  'proven',
  'proof-passed',
  'proof-failed',
  'found-lost',
  'found-stopped',
  'found-failed',
  'terminal-opened',
  'terminal-attached',
  'terminal-closed',
  'porter-connected',
  'porter-replaced',
  'porter-lost',
  'second-porter',
  'found-ended',
  'not-proven',
  'no-room',
  'room-again',
  'retention-over',
  'unreadable-event',
  'places-late',
  'places-in-time',
] as const

/** What an event's `reason` may be. */
export const reason = z.enum([...EGRESS_DENIALS, ...MODEL_DENIALS, ...OUTCOMES, ...OTHER_REASONS])
export type Reason = z.infer<typeof reason>
