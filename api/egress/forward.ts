import { type ClientRequest, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { type Answer, answerFor, type DenyReason, rendered } from './denial.ts'
import { requestHeader, responseHeader, trailerFields } from './headers.ts'
import type { EgressLimits, Share } from './limits.ts'
import type { Passage, Passages } from './passage.ts'
import { absoluteTarget, escapedRaw } from './target.ts'

interface Exchange {
  request: IncomingMessage
  response: ServerResponse
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

export async function refuseRequest({ request, response }: Exchange, passages: Passages, reason: DenyReason) {
  const { method = '', url = '' } = request
  const { answer } = await passages.refuse({ reason, method, raw: escapedRaw(`${method} ${url}`) })
  say({ request, response }, answer)
}

/**
 * Absolute-form HTTP: judged, then sent on in origin-form with a Host of its own, over a connection of its own. Nothing is
 * pooled: a connection that another request, another host or another sandbox used could answer for the wrong one.
 */
export async function forward(
  exchange: Exchange,
  passages: Passages,
  limits: EgressLimits,
  share: Share,
): Promise<void> {
  const { request } = exchange
  const { method = '', url = '' } = request
  if (!METHODS.has(method)) return refuseRequest(exchange, passages, 'method-not-allowed')
  const target = absoluteTarget(method, url)
  if (!target.ok) return refuseRequest(exchange, passages, target.reason)
  const passage = await passages.begin(target.request)
  if (!passage.ok) return say(exchange, passage.answer)
  const client = request.socket
  if (client.destroyed) return passage.end('client-closed', null)
  passage.signal.addEventListener('abort', () => client.destroy())

  const { host, port } = target.request
  const outgoing = httpRequest({
    // With any `agent`, even `false`, node:http would connect by itself, unjudged.
    createConnection: () => passage.upstream,
    method,
    path: target.originForm,
    headers: [...header(request), ['Host', port === 80 ? host : `${host}:${port}`], ['Connection', 'close']].flat(),
    setHost: false,
    maxHeaderSize: limits.headerBytes,
    insecureHTTPParser: false,
  })
  relay(exchange, outgoing, passage, limits, share)
}

/** Framing is said anew, from what the parser found, never from what a `Connection` field may have struck out. */
function header(request: IncomingMessage): [string, string][] {
  const { headers } = request
  const framing: [string, string][] = []
  if (headers['transfer-encoding'] !== undefined) framing.push(['Transfer-Encoding', 'chunked'])
  else if (headers['content-length'] !== undefined) framing.push(['Content-Length', headers['content-length']])
  return [...requestHeader(request.rawHeaders), ...framing]
}

function relay(exchange: Exchange, outgoing: ClientRequest, passage: Passage, limits: EgressLimits, share: Share) {
  const { request, response } = exchange
  const fail = (answer: Answer) => {
    if (response.headersSent) return
    passage.end('error', answer.status)
    say(exchange, answer)
  }
  const where = `${passage.request.host}:${passage.request.port}`

  passage.upstream.setTimeout(limits.idleMs, () => {
    passage.end('limit', response.headersSent ? response.statusCode : 504)
  })
  outgoing.on('error', (error: Error & { code?: string }) => {
    if (request.socket.destroyed) return passage.end('client-closed', null)
    fail(answerFor(error.code?.startsWith('HPE_') ? 'upstream-invalid' : 'upstream-unreachable', where))
  })
  // 101 to somebody who did not ask for it.
  outgoing.on('upgrade', () => fail(answerFor('upstream-invalid', where)))
  outgoing.on('continue', () => response.writeContinue())
  outgoing.on('response', (answer) => {
    // Broken off half-way: the client must not take what it has for the whole.
    answer.on('error', () => {
      passage.end(request.socket.destroyed ? 'client-closed' : 'upstream-closed', response.statusCode)
      request.socket.destroy()
    })
    const phrase = /^[\t\x20-\x7e]*$/.test(answer.statusMessage ?? '') ? answer.statusMessage : ''
    if (!request.complete) response.setHeader('Connection', 'close')
    response.writeHead(answer.statusCode ?? 502, phrase, responseHeader(answer.rawHeaders).flat())
    response.flushHeaders()
    answer.pipe(response, { end: false })
    share(answer, response)
    answer.on('end', () => {
      const trailers = trailerFields(answer.rawTrailers)
      if (trailers.length > 0) response.addTrailers(trailers)
      response.end()
    })
  })
  response.on('finish', () => passage.end('completed', response.statusCode))
  // The connection's end, not the response's: a pipelined one that was not yet its turn is never told.
  const gone = () => passage.end('client-closed', response.headersSent ? response.statusCode : null)
  request.socket.once('close', gone)
  response.on('close', () => request.socket.off('close', gone))

  request.on('error', () => outgoing.destroy())
  request.pipe(outgoing, { end: false })
  share(request, outgoing)
  request.on('end', () => {
    const trailers = trailerFields(request.rawTrailers)
    if (trailers.length > 0) outgoing.addTrailers(trailers)
    outgoing.end()
  })
  outgoing.flushHeaders()
}

/** Gives the answer. A body that nobody reads must not be taken for the next request, so then the connection ends. */
function say({ request, response }: Exchange, answer: Answer) {
  if (request.socket.destroyed || response.headersSent) return
  const { body, header } = rendered(answer, request.headers)
  if (!request.complete) response.setHeader('Connection', 'close')
  response.writeHead(answer.status, header)
  response.end(request.method === 'HEAD' ? undefined : body)
  request.resume()
}
