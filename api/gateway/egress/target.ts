/** What a request line asks for, and how input that cannot be understood is recorded. */
import type { EgressDenial } from '../../contract/reasons.ts'
import type { EgressRequest } from '../../policy/egress.ts'
import { type AuthorityRefusal, canonicalAuthority } from '../../policy/host.ts'

export type TargetRefusal =
  | AuthorityRefusal
  | Extract<EgressDenial, 'not-a-proxy-request' | 'scheme-not-allowed' | 'target-invalid'>
/** What is judged, and beside it what is only written down and sent on. */
export interface Asked extends EgressRequest {
  /** Behind the `?`; null: there is none. */
  query: string | null
}
export type Target =
  | { ok: true; request: Asked /** What goes on the request line upstream. */; originForm: string }
  | { ok: false; reason: TargetRefusal }

/** CONNECT `host:port` (RFC 9110 section 9.3.6). The port must be there. */
export function connectTarget(url: string): Target {
  const authority = canonicalAuthority(url)
  if (!authority.ok) return authority
  const { host, port } = authority
  return {
    ok: true,
    request: { protocol: 'tls', method: 'CONNECT', host, port, path: null, query: null },
    originForm: '',
  }
}

/** `GET http://host[:port]/path` (absolute-form, RFC 9112 section 3.2.2). Nothing else is a request to a proxy. */
export function absoluteTarget(method: string, url: string): Target {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase()
  if (url.startsWith('/') || url === '*' || scheme === undefined) return { ok: false, reason: 'not-a-proxy-request' }
  if (scheme !== 'http') return { ok: false, reason: 'scheme-not-allowed' }
  const parts = /^http:\/\/([^/?#]*)([^?#]*)(\?[^#]*)?$/i.exec(url)
  if (!parts || /[^\x21-\x7e]/.test(url)) return { ok: false, reason: refusedHost(url) ?? 'target-invalid' }
  const authority = canonicalAuthority(parts[1] ?? '', 80)
  if (!authority.ok) return authority
  const { host, port } = authority
  const path = parts[2] || '/'
  const query = parts[3]?.slice(1) ?? null
  const originForm = path + (parts[3] ?? '')
  return { ok: true, request: { protocol: 'http', method, host, port, path, query }, originForm }
}

/** The host's own reason says more than that the whole does not parse. */
function refusedHost(url: string): TargetRefusal | null {
  const authority = canonicalAuthority(/^http:\/\/([^/?#]*)/i.exec(url)?.[1] ?? '', 80)
  return authority.ok ? null : authority.reason
}

/** What a request line that the HTTP parser did not take would have been refused for, or null. */
export function refusalInLine(raw: Buffer): TargetRefusal | null {
  const line = /^([A-Z]+) (\S+) HTTP\/1\.[01]\r?\n/.exec(raw.subarray(0, 65_536).toString('latin1'))
  if (!line) return null
  const [, method = '', url = ''] = line
  const target = method === 'CONNECT' ? connectTarget(url) : absoluteTarget(method, url)
  return target.ok ? null : target.reason
}

const RAW_MAX = 512

/**
 * Hostile input as one line of printable ASCII, at most 512 characters: bytes outside it as `\xNN`, userinfo and queries masked
 * (they hold passwords and tokens), and only the first line, since header lines hold credentials.
 */
export function escapeRaw(input: string | Buffer): string {
  const all = typeof input === 'string' ? input : input.toString('latin1')
  const line = all.slice(0, 4 * RAW_MAX).split(/\r?\n(?=[\x20-\x7e])/, 1)[0] ?? ''
  const masked = line.replace(/(^|\s)([a-z]+:\/\/)?\S*@/gi, '$1$2***@').replace(/\?[^\s]*/g, '?***')
  const escaped = masked.replace(/[^\x20-\x7e]|\\/g, (c) =>
    c === '\\' ? '\\\\' : c.charCodeAt(0) > 0xff ? `\\u${hex(c, 4)}` : `\\x${hex(c, 2)}`,
  )
  return escaped.length > RAW_MAX ? `${escaped.slice(0, RAW_MAX - 3)}...` : escaped
}

const hex = (character: string, width: number) => character.charCodeAt(0).toString(16).padStart(width, '0')
