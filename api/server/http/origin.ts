import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { ApiError } from '../../errors.ts'
import { type App, isApi } from './route.ts'

const READING = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Only pages of our own origin may use a person's cookie. In this order:
 * 0. The request names one host, once (RFC 9112, section 3.2): a proxy in front may have looked at another one than we do.
 * 1. `Host` is ours: otherwise any name that an attacker points at this address would be an origin (DNS rebinding).
 * 2. `Origin`, where it is sent, equals our own exactly; `Sec-Fetch-Site`, where it is sent, is ours or typed by hand.
 * 3. A WebSocket must send `Origin`, and so must a change that a browser makes with a cookie. What sends neither `Origin` nor
 *    `Sec-Fetch-Site` is no browser (Fetch, section 3.2; Fetch Metadata), and nobody can make it send another person's cookie.
 * X-Forwarded-Host and X-Forwarded-Proto are never read, also where X-Forwarded-For is believed (http/limits/sender.ts).
 *
 * @param url what people type, when there is a proxy in front; null: this program's own address.
 */
export function refuseOtherOrigins(app: App, url: string | null): void {
  app.addHook('onRequest', async (request) => {
    if (!namesOneHost(request.raw))
      throw new ApiError('invalid_request', 'Name the host once, in Host; an absolute address must name the same.')
    const own = ownOrigins(request, url)
    if (own.length === 0) {
      throw new ApiError(
        'origin_refused',
        'Backlot does not answer to this host name. Set BACKLOT_URL to the address that people type.',
      )
    }
    const { origin } = request.headers
    const fetchSite = request.headers['sec-fetch-site']
    if (origin !== undefined && !own.includes(origin)) throw refused()
    if (fetchSite !== undefined && fetchSite !== 'same-origin' && fetchSite !== 'none' && !isNavigation(request))
      throw refused()
    const upgrades = request.headers.upgrade !== undefined
    const changes = !READING.has(request.method)
    const byBrowser = fetchSite !== undefined && fetchSite !== 'same-origin'
    const needsOrigin = upgrades ? request.headers.authorization === undefined : changes && byBrowser
    if (needsOrigin && origin === undefined) throw refused()
  })
}

/** Node joins no repeated Host, it keeps the first and forgets the others. */
function namesOneHost({ rawHeaders, headers, url = '' }: IncomingMessage): boolean {
  const hosts = rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'host')
  if (hosts.length !== 1) return false
  return url.startsWith('/') || authorityOf(url) === headers.host?.toLowerCase()
}

/** Null when it is no absolute http address. Not by the URL parser, which forgives and forgets default ports. */
const authorityOf = (url: string) => /^https?:\/\/([^/?#]*)/i.exec(url)?.[1]?.toLowerCase() ?? null

function refused() {
  return new ApiError(
    'origin_refused',
    'This request did not come from a Backlot page. Scripts: send no Origin, or, as WebSockets must, the address of Backlot.',
  )
}

/** Following a link from elsewhere to a page: shows the page, and SameSite=Strict keeps the cookie away. */
function isNavigation(request: FastifyRequest): boolean {
  return request.headers['sec-fetch-mode'] === 'navigate' && READING.has(request.method) && !isApi(request)
}

/** Origins that mean this server, given the host that the request names; none when that host is not ours. */
function ownOrigins(request: FastifyRequest, url: string | null): string[] {
  const configured = url === null ? null : new URL(url)
  const host = request.headers.host?.toLowerCase()
  if (host === undefined) return []
  if (host === configured?.host) return [configured.origin]
  const { localPort, localAddress } = request.socket
  // An address literal cannot be rebound: the one on which the connection arrived is ours.
  const names = ['localhost', '127.0.0.1', '[::1]', literalOf(localAddress)]
  if (!names.some((name) => host === `${name}:${localPort}` || (localPort === 80 && host === name))) return []
  return configured ? [`http://${host}`, configured.origin] : [`http://${host}`]
}

function literalOf(address: string | undefined): string {
  if (address === undefined) return 'localhost'
  const mapped = address.replace(/^::ffff:(?=\d+\.)/, '')
  return mapped.includes(':') ? `[${mapped}]` : mapped
}
