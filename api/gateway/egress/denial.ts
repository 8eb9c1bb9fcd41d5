/** What is refused, in words: one place for the status, the sentence for people and what to do next. */
import type { IncomingHttpHeaders } from 'node:http'
import type { EgressDenial, EgressFailure } from '../../contract/reasons.ts'

export interface Answer {
  status: number
  reason: EgressDenial | EgressFailure
  text: string
}

const ASK = 'Ask your Backlot admin to allow it.'
const FIX = 'Correct the request and try again.'
const NOT_PUBLIC =
  'Only public addresses are reached. If this host belongs to your company, ask your admin to name its network in the rule.'

/** [status, what and why, what to do next]. `{host}` stands for the canonical host and port, or `this host`. */
const TEXTS: Record<EgressDenial | EgressFailure, readonly [number, string, string]> = {
  'no-rule': [403, '{host} is not on the list of hosts that this sandbox may reach.', ASK],
  'rule-expired': [403, 'The rule that allowed {host} has expired.', 'Ask your Backlot admin to renew it.'],
  'port-not-allowed': [403, '{host} is allowed, but not on this port.', ASK],
  'protocol-not-allowed': [
    403,
    '{host} is allowed, but not with this protocol (HTTPS through CONNECT, or plain HTTP).',
    ASK,
  ],
  'method-not-allowed': [403, '{host} is allowed, but not with this HTTP method.', ASK],
  'path-not-allowed': [403, '{host} is allowed, but not this path.', ASK],
  'path-ambiguous': [
    403,
    'The path could be read in more than one way (encoded slashes, dot segments or semicolons), so it matches no rule.',
    FIX,
  ],

  'host-empty': [400, 'The request names no host.', FIX],
  'host-too-long': [403, 'The host name is longer than 253 characters.', FIX],
  'host-non-ascii': [
    403,
    'The host name contains characters that are not ASCII.',
    'Write an international name in its xn-- form.',
  ],
  'host-userinfo': [403, 'The address contains a user name or an @.', 'Send credentials in a header instead.'],
  'host-ip-literal': [
    403,
    'Addresses written as numbers are not reached, only names.',
    'Use the name of the host, and ask your admin to allow it.',
  ],
  'host-invalid': [403, 'The host name contains characters that no host name may have.', FIX],
  'host-single-label': [
    403,
    'A name without a dot belongs to an internal network.',
    'Use the full name of the host, and ask your admin to allow it.',
  ],
  'host-metadata': [
    403,
    'This name belongs to the machine that Backlot runs on. Sandboxes never reach it.',
    'Leave it out.',
  ],
  'port-missing': [400, 'CONNECT needs a host and a port, such as example.org:443.', FIX],
  'port-invalid': [403, 'The port is not a number from 1 to 65535.', FIX],
  'not-a-proxy-request': [
    400,
    'This is a proxy: it takes CONNECT, or requests with a full http:// address.',
    'Set HTTP_PROXY and HTTPS_PROXY to this address instead of opening it.',
  ],
  'scheme-not-allowed': [
    403,
    'Only http:// is asked of a proxy in this way; HTTPS goes through CONNECT, and other schemes nowhere.',
    FIX,
  ],
  'target-invalid': [400, 'The address in the request does not parse.', FIX],

  'connect-non-tls': [
    403,
    'Only TLS may be spoken through a tunnel to {host}, and this was something else.',
    'Use https://, or ask your admin for a plain HTTP rule.',
  ],
  'hello-too-large': [403, 'The TLS greeting to {host} was too large.', FIX],
  'hello-timeout': [403, 'The TLS greeting to {host} did not arrive in time.', FIX],
  'hello-malformed': [403, 'The TLS greeting to {host} does not parse.', FIX],
  'hello-changed': [403, 'The TLS greeting to {host} was changed half-way.', FIX],
  'tls-too-old': [403, 'TLS older than 1.2 is not let through.', 'Update the client.'],
  'sni-missing': [403, 'The TLS greeting does not name a host (SNI).', 'Connect by name, with SNI switched on.'],
  'sni-repeated': [403, 'The TLS greeting names more than one host.', FIX],
  'sni-invalid': [403, 'The TLS greeting names something that is no host name.', 'Connect by name.'],
  'sni-mismatch': [403, 'The TLS greeting names another host than {host}.', 'Connect to the host that you mean.'],
  ech: [403, 'Encrypted Client Hello hides which host is meant.', 'Switch ECH off in the client.'],

  'address-private': [403, '{host} is a private address.', NOT_PUBLIC],
  'address-cgnat': [403, '{host} is an address of a provider’s inner network.', NOT_PUBLIC],
  'address-ula': [403, '{host} is a private IPv6 address.', NOT_PUBLIC],
  'address-reserved': [403, '{host} is a reserved address.', NOT_PUBLIC],
  'address-loopback': [403, '{host} points to the machine that Backlot runs on.', 'Sandboxes never reach it.'],
  'address-link-local': [403, '{host} is a link-local address.', 'Sandboxes never reach those.'],
  'address-metadata': [403, '{host} is a cloud’s metadata service.', 'Sandboxes never reach those.'],
  'address-multicast': [403, '{host} is a multicast address.', 'Sandboxes never reach those.'],
  'address-broadcast': [403, '{host} is a broadcast address.', 'Sandboxes never reach those.'],
  'address-unspecified': [403, '{host} has no usable address.', 'Sandboxes never reach those.'],
  'address-invalid': [
    403,
    'The resolver gave something for {host} that is no address.',
    'Ask your admin to look at the resolver.',
  ],
  'self-connection': [403, '{host} points to the machine that Backlot runs on.', 'Sandboxes never reach it.'],

  'no-identity': [
    403,
    'This sandbox is not bound to a prototype, so nothing may leave it.',
    'Wait until it is ready, or restart it in Backlot.',
  ],
  'audit-unavailable': [
    503,
    'The audit log cannot be written, and nothing leaves unrecorded.',
    'Try again in a moment; tell your admin if it stays like this.',
  ],
  'policy-change': [403, 'The policy of this sandbox has just changed.', 'Try again.'],
  'header-too-large': [431, 'The header of the request is larger than 32 kB.', 'Send fewer or shorter header fields.'],
  'header-timeout': [408, 'The request did not arrive in time.', FIX],
  'too-many-connections': [503, 'This sandbox has too many connections open.', 'Close some and try again.'],
  'rate-limit': [
    429,
    'This sandbox asks for more in a short time than can be written down.',
    'Wait a few seconds and try again, with fewer requests; your Backlot admin can raise `events` in the policy.',
  ],
  'host-header-missing': [400, 'The request has no Host header.', FIX],
  'host-header-repeated': [400, 'The request has more than one Host header.', FIX],
  'framing-ambiguous': [400, 'Where the body of the request ends could be read in more than one way.', FIX],
  'malformed-request': [400, 'The request is not valid HTTP.', FIX],
  'not-http': [
    400,
    'This is a proxy for HTTP, and this was something else.',
    'Send CONNECT, or a request with a full http:// address.',
  ],
  'http2-preface': [400, 'The proxy speaks HTTP/1.1.', 'Switch HTTP/2 to the proxy off; inside a tunnel it works.'],
  'upgrade-not-allowed': [403, 'Switching to another protocol is not allowed here.', 'Leave the Upgrade header out.'],
  'expectation-unknown': [417, 'Only "Expect: 100-continue" is understood.', FIX],

  'dns-failed': [502, 'The name {host} was not found.', 'Check the spelling.'],
  'dns-timeout': [504, 'The name server did not answer in time for {host}.', 'Try again in a moment.'],
  'upstream-unreachable': [502, '{host} is allowed, but no connection could be made.', 'Try again in a moment.'],
  'upstream-timeout': [504, '{host} is allowed, but did not answer in time.', 'Try again in a moment.'],
  'upstream-invalid': [502, '{host} answered something that is not valid HTTP.', 'Tell whoever runs it.'],
}

/** `where`: `host:port`, or null when the request did not say one that parses. */
export function answerFor(reason: EgressDenial | EgressFailure, where: string | null): Answer {
  const [status, why, next] = TEXTS[reason]
  const what = status === 502 || status === 504 ? 'Failed' : 'Refused by Backlot'
  return { status, reason, text: `${what}: ${why.replace('{host}', where ?? 'this host')} ${next}` }
}

const wantsJson = (accept: string | undefined) => /\bapplication\/(?:[a-z.-]+\+)?json\b/i.test(accept ?? '')

/** Body and header of an answer; JSON for those who asked for it. */
export function renderAnswer(
  { reason, text }: Answer,
  headers: IncomingHttpHeaders,
): { body: string; header: Record<string, string> } {
  const json = wantsJson(headers.accept)
  const body = json ? `${JSON.stringify({ error: { code: reason, message: text } })}\n` : `${text}\n`
  return {
    body,
    header: {
      'Content-Type': json ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8',
      'Content-Length': String(Buffer.byteLength(body)),
      'X-Backlot-Reason': reason,
      'Cache-Control': 'no-store',
    },
  }
}

/** The same as bytes, for a connection that no longer speaks through node:http. Some clients show only the status line. */
export function rawAnswer(answer: Answer, headers: IncomingHttpHeaders = {}): string {
  const { body, header } = renderAnswer(answer, headers)
  const phrase = `${answer.status >= 502 ? 'Failed' : 'Refused by Backlot'} (${answer.reason})`
  const fields = Object.entries({ ...header, Connection: 'close' }).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${answer.status} ${phrase}\r\n${fields.join('')}\r\n${body}`
}
