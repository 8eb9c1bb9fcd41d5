/**
 * The one canonicaliser of host names: what it returns is what is matched, logged, resolved and compared with SNI.
 * `new URL()` is no validator: it turns `0x7f.1` into an address, `exa%6dple.com` and `ｅxample.com` into a name.
 */
import type { EgressDenial } from '../contract/reasons.ts'

export type HostRefusal = Exclude<Extract<EgressDenial, `host-${string}`>, `host-header-${string}`>
export type AuthorityRefusal = HostRefusal | Extract<EgressDenial, 'port-missing' | 'port-invalid'>

export type CanonicalHost = { ok: true; host: string } | { ok: false; reason: HostRefusal }
export type CanonicalAuthority = { ok: true; host: string; port: number } | { ok: false; reason: AuthorityRefusal }

/** RFC 1035 section 2.3.4: 255 octets on the wire are 253 characters in text. */
const MAX_HOST = 253
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
/** A last label that a resolver's inet_aton would take for a number: decimal, octal or hexadecimal (WHATWG URL, "ends in a number"). */
const NUMBER = /^(?:[0-9]+|0x[0-9a-f]*)$/
const IPV6 = /^\[?[0-9a-f:.]*:[0-9a-f:.]*(?:%[^\]]*)?\]?$/
/** Names that clouds answer with credentials, whatever they resolve to. */
const METADATA = new Set([
  'metadata.google.internal',
  'metadata.goog',
  'metadata.azure.internal',
  'metadata.azure.com',
  'instance-data.ec2.internal',
  'metadata.tencentyun.com',
])

/**
 * A name as a client wrote it → lower-case LDH labels, at least two, one trailing dot stripped (RFC 1123, RFC 5890).
 * Everything else is refused with a stable reason, first match in this order: empty, not ASCII, userinfo, IP literal in any
 * spelling, too long, characters or labels that are not LDH, single label, cloud metadata and `.localhost` (RFC 6761).
 */
export function canonicalHost(raw: string): CanonicalHost {
  if (raw === '') return refuse('host-empty')
  if (/[^\0-\x7f]/.test(raw)) return refuse('host-non-ascii')
  if (raw.includes('@')) return refuse('host-userinfo')
  const lower = raw.toLowerCase()
  if (IPV6.test(lower)) return refuse('host-ip-literal')
  const host = lower.endsWith('.') ? lower.slice(0, -1) : lower
  if (host === '') return refuse('host-empty')
  const labels = host.split('.')
  if (NUMBER.test(labels.at(-1) ?? '')) return refuse('host-ip-literal')
  if (host.length > MAX_HOST) return refuse('host-too-long')
  if (!labels.every((label) => LABEL.test(label))) return refuse('host-invalid')
  if (labels.length < 2) return refuse('host-single-label')
  if (METADATA.has(host) || labels.at(-1) === 'localhost') return refuse('host-metadata')
  return { ok: true, host }
}

/**
 * `host:port` (RFC 9112 section 3.2.3) → both, canonical. Without `defaultPort` the port must be there. A port is 1–65535 in
 * decimal without leading zeros: `0443` and `443 ` mean different things to different parsers.
 */
export function canonicalAuthority(raw: string, defaultPort?: number): CanonicalAuthority {
  if (raw.includes('@')) return refuse('host-userinfo')
  const bracketed = /^(\[[^\]]*\])(?::(.*))?$/s.exec(raw)
  const colon = raw.lastIndexOf(':')
  const hostPart = bracketed ? bracketed[1] : colon < 0 ? raw : raw.slice(0, colon)
  const portPart = bracketed ? bracketed[2] : colon < 0 ? undefined : raw.slice(colon + 1)
  const host = canonicalHost(hostPart ?? '')
  if (!host.ok) return host
  if (portPart === undefined) {
    return defaultPort === undefined ? refuse('port-missing') : { ok: true, host: host.host, port: defaultPort }
  }
  if (!/^[1-9][0-9]{0,4}$/.test(portPart) || Number(portPart) > 65_535) return refuse('port-invalid')
  return { ok: true, host: host.host, port: Number(portPart) }
}

/** `*.example.org` covers every name below it, not `example.org`; anything else only itself. Both sides canonical. */
export function hostMatches(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*.')) return pattern === host
  return host.length > pattern.length - 1 && host.endsWith(pattern.slice(1))
}

const refuse = <R extends AuthorityRefusal>(reason: R) => ({ ok: false as const, reason })
