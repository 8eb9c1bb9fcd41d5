import type { IncomingHttpHeaders } from 'node:http'
import type { ProviderKind } from '../../../contract/models.ts'
import type { WireFormat } from './formats.ts'

/** Beta features of Anthropic's API that change the answer's form. Those that open a way out (files, MCP, fetch, code) are not here. */
const KNOWN_BETAS =
  /^(interleaved-thinking|fine-grained-tool-streaming|context-1m|prompt-caching|extended-cache-ttl|output-128k|token-efficient-tools|claude-code|context-management|structured-outputs|effort|computer-use|max-tokens)-[a-z0-9.-]{1,40}$/

/**
 * The headers of the call upstream. Made, not copied: no credential, cookie, identity or hop-by-hop header of the sandbox
 * gets further than here. The answer is asked for uncompressed, so that the token count can be read beside it.
 */
export function upstreamHeaders(
  kind: ProviderKind,
  format: WireFormat,
  key: string | null,
  client: IncomingHttpHeaders,
): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: client.accept?.includes('text/event-stream')
      ? 'text/event-stream, application/json'
      : 'application/json, */*',
    'accept-encoding': 'identity',
    'user-agent': 'backlot',
  }
  if (key) {
    // Anthropic's OpenAI-compatible endpoint takes its key as OpenAI does.
    if (kind === 'anthropic' && format === 'messages') headers['x-api-key'] = key
    else headers.authorization = `Bearer ${key}`
  }
  if (format === 'messages') {
    const version = client['anthropic-version']
    headers['anthropic-version'] =
      typeof version === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(version) ? version : '2023-06-01'
    const betas = String(client['anthropic-beta'] ?? '')
      .split(',')
      .map((each) => each.trim())
      .filter((each) => KNOWN_BETAS.test(each))
    if (betas.length > 0) headers['anthropic-beta'] = betas.join(',')
  }
  return headers
}

/** Headers of an answer that mean something to a client. Cookies, redirects and what names the provider's account stay here. */
const PASSED_DOWN =
  /^(content-type|content-encoding|retry-after|retry-after-ms|request-id|x-request-id|(x|anthropic)-ratelimit-[a-z-]{1,60})$/

/** @param mask see keyMask: a header that holds the key is dropped. */
export function downstreamHeaders(
  headers: Record<string, string | string[] | undefined>,
  mask: (text: string) => string,
): Record<string, string> {
  const passed: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string' || !PASSED_DOWN.test(name) || mask(value) !== value) continue
    passed[name] = value
  }
  return passed
}

const escaped = (text: string) => text.replace(/[^\w]/g, '\\$&')

/** What a key looks like where it is echoed whole: as it is, as base64, percent-encoded, as JSON text. */
export const formsOf = (key: string): ReadonlySet<string> =>
  new Set([
    key,
    Buffer.from(key).toString('base64').replace(/=+$/, ''),
    Buffer.from(key).toString('base64url'),
    encodeURIComponent(key),
    JSON.stringify(key).slice(1, -1),
    JSON.stringify(key).slice(1, -1).replaceAll('/', '\\/'),
  ])

/**
 * Replaces the provider's key in an error text by `***`: in each of its forms, and with its middle starred out, as OpenAI echoes it (L07, test/CASES.md).
 */
export function keyMask(key: string | null): (text: string) => string {
  if (!key) return (text) => text
  const forms = formsOf(key)
  const start = key.length >= 12 ? new RegExp(`${escaped(key.slice(0, 6))}[\\w.*…-]*`, 'g') : null
  const end = key.length >= 12 ? new RegExp(`[*…•x.]{3,}${escaped(key.slice(-4))}`, 'g') : null
  return (text) => {
    let masked = text
    for (const form of forms) masked = masked.replaceAll(form, '***')
    if (start) masked = masked.replace(start, '***')
    if (end) masked = masked.replace(end, '***')
    return masked
  }
}
