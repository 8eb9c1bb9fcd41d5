import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import type { EgressDenial } from '../../../contract/reasons.ts'
import type { FairShare } from '../../../flow/fair-share.ts'
import { clientOf } from '../../budget/client.ts'
import type { EgressLimits } from '../limits.ts'
import type { Route, Routes } from '../route.ts'
import { absoluteTarget, escapeRaw } from '../target.ts'
import { requestHeader } from './headers.ts'
import { type Exchange, relay, respond } from './relay.ts'

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

export async function refuseRequest({ request, response }: Exchange, routes: Routes, reason: EgressDenial) {
  const { method = '', url = '' } = request
  const raw = escapeRaw(`${method} ${url}`)
  const { answer } = await routes.refuse({ reason, method, raw }, clientOf(request.socket))
  respond({ request, response }, answer)
}

/**
 * Absolute-form HTTP: judged, then sent on in origin-form with a Host of its own, over a connection of its own. Nothing is
 * pooled: a connection that another request, another host or another sandbox used could answer for the wrong one.
 */
export async function forward(
  exchange: Exchange,
  routes: Routes,
  limits: EgressLimits,
  fairShare: FairShare,
): Promise<void> {
  const { request } = exchange
  const { method = '', url = '' } = request
  if (!METHODS.has(method)) return refuseRequest(exchange, routes, 'method-not-allowed')
  const target = absoluteTarget(method, url)
  if (!target.ok) return refuseRequest(exchange, routes, target.reason)
  const route = await routes.open(target.request, clientOf(request.socket))
  if (!route.ok) return respond(exchange, route.answer)
  const client = request.socket
  if (client.destroyed) return route.end('client-closed', null)
  route.signal.addEventListener('abort', () => client.destroy())
  try {
    const outgoing = openUpstreamRequest(request, target.originForm, route, limits)
    relay(exchange, outgoing, route, limits.idleMs, fairShare)
  } catch (error) {
    route.end('error', 502)
    throw error
  }
}

function openUpstreamRequest(
  request: IncomingMessage,
  path: string,
  route: Route,
  { headerBytes }: Pick<EgressLimits, 'headerBytes'>,
): ClientRequest {
  const { host, port, method } = route.request
  return httpRequest({
    // With any `agent`, even `false`, node:http would connect by itself, unjudged.
    createConnection: () => route.upstream,
    method,
    path,
    headers: [...headerOf(request), ['Host', port === 80 ? host : `${host}:${port}`], ['Connection', 'close']].flat(),
    setHost: false,
    maxHeaderSize: headerBytes,
    insecureHTTPParser: false,
  })
}

/** Framing fields are written anew from what the parser found: a `Connection` field may have removed those that came. */
function headerOf(request: IncomingMessage): [string, string][] {
  const { headers } = request
  const framing: [string, string][] = []
  if (headers['transfer-encoding'] !== undefined) framing.push(['Transfer-Encoding', 'chunked'])
  else if (headers['content-length'] !== undefined) framing.push(['Content-Length', headers['content-length']])
  return [...requestHeader(request.rawHeaders, headers['transfer-encoding'] !== undefined), ...framing]
}
