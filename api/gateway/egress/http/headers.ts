/** What of a message goes on to the next hop (RFC 9110 section 7.6.1), in the order and spelling in which it came. */

const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])
/** A sandbox does not say who it is, whom it speaks for, or that its method, path or host is another one. `host` comes from the URI. */
const NOT_THE_CLIENTS = new Set([
  'host',
  'forwarded',
  'via',
  'x-real-ip',
  'x-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'x-sandbox-id',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-original-url',
  'x-original-uri',
  'x-original-host',
  'x-rewrite-url',
  'x-host',
  'x-http-host-override',
])
const NOT_THE_CLIENTS_PREFIX = ['x-forwarded-', 'x-backlot-']
/** Fields that would change how a message is framed, routed or authorised must not come as trailers (RFC 9110 section 6.5.1). */
const NOT_IN_TRAILERS = new Set([
  'content-length',
  'content-encoding',
  'content-type',
  'content-range',
  'host',
  'trailer',
  'authorization',
  'cookie',
  'set-cookie',
  'cache-control',
  'expect',
])

type Raw = readonly string[]

/** How a server may read a name: CGI and what follows it (RFC 3875 section 4.1.18) take `X_Original.URL` and `X-Original-URL` for one. */
const readAs = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '-')

function isTheClients(name: string): boolean {
  const read = readAs(name)
  return !NOT_THE_CLIENTS.has(read) && !NOT_THE_CLIENTS_PREFIX.some((prefix) => read.startsWith(prefix))
}

/** `[name, value, …]` → pairs. */
export function pairs(raw: Raw): [string, string][] {
  const found: [string, string][] = []
  for (let index = 0; index + 1 < raw.length; index += 2) found.push([raw[index] ?? '', raw[index + 1] ?? ''])
  return found
}

/** Bytes of a header on the wire: every field with `: ` and CRLF. */
export const headerLength = (raw: Raw) => raw.reduce((sum, text) => sum + text.length + 2, 0)

/**
 * Header of a request for the upstream, without Host and framing, which the forwarder sets itself. `chunked`: it goes on with
 * trailers, so what announces them stays; node:http throws on that in any other message.
 */
export function requestHeader(raw: Raw, chunked: boolean): [string, string][] {
  return endToEnd(raw, chunked ? ['trailer'] : []).filter(
    ([name]) => readAs(name) !== 'content-length' && isTheClients(name),
  )
}

/** Header of an answer for the sandbox; `Content-Length` stays, the server's side frames by it. `chunked`: as above. */
export const responseHeader = (raw: Raw, chunked: boolean): [string, string][] =>
  endToEnd(raw, ['content-length', ...(chunked ? ['trailer'] : [])])

export function trailerFields(raw: Raw): [string, string][] {
  return endToEnd(raw).filter(([name]) => !NOT_IN_TRAILERS.has(readAs(name)) && isTheClients(name))
}

/** Everything but hop-by-hop fields and those that `Connection` lists, `keep` excepted. */
function endToEnd(raw: Raw, keep: readonly string[] = []): [string, string][] {
  const all = pairs(raw)
  const listed = new Set(
    all
      .filter(([name]) => name.toLowerCase() === 'connection')
      .flatMap(([, value]) => value.toLowerCase().split(','))
      .map((name) => name.trim()),
  )
  return all.filter(([name]) => {
    const lower = name.toLowerCase()
    return keep.includes(lower) || !(HOP_BY_HOP.has(readAs(name)) || listed.has(lower))
  })
}
