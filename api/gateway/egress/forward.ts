import { type ClientRequest, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { EgressDenial } from '../../contract/reasons.ts'
import type { FairShare } from '../../flow/fair-share.ts'
import { type Answer, answerFor, rendered } from './denial.ts'
import { requestHeader, responseHeader, trailerFields } from './headers.ts'
import type { EgressLimits } from './limits.ts'
import type { Passage, Passages } from './passage.ts'
import { absoluteTarget, escapedRaw } from './target.ts'

interface Exchange {
  request: IncomingMessage
  response: ServerResponse
}

/** Answers before the answer (1xx). Real servers send one or two. */
const MAX_INTERIM = 10
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

export async function refuseRequest({ request, response }: Exchange, passages: Passages, reason: EgressDenial) {
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
  share: FairShare,
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
  try {
    relay(exchange, send(request, target.originForm, passage, limits), passage, limits, share)
  } catch (error) {
    passage.end('error', 502)
    throw error
  }
}

function send(request: IncomingMessage, path: string, passage: Passage, limits: EgressLimits): ClientRequest {
  const { host, port, method } = passage.request
  return httpRequest({
    // With any `agent`, even `false`, node:http would connect by itself, unjudged.
    createConnection: () => passage.upstream,
    method,
    path,
    headers: [...header(request), ['Host', port === 80 ? host : `${host}:${port}`], ['Connection', 'close']].flat(),
    setHost: false,
    maxHeaderSize: limits.headerBytes,
    insecureHTTPParser: false,
  })
}

/** Framing is said anew, from what the parser found, never from what a `Connection` field may have struck out. */
function header(request: IncomingMessage): [string, string][] {
  const { headers } = request
  const framing: [string, string][] = []
  if (headers['transfer-encoding'] !== undefined) framing.push(['Transfer-Encoding', 'chunked'])
  else if (headers['content-length'] !== undefined) framing.push(['Content-Length', headers['content-length']])
  return [...requestHeader(request.rawHeaders, headers['transfer-encoding'] !== undefined), ...framing]
}

/** Whether this answer reaches the client chunked, as it came; only then trailers can follow it. */
function chunkedBoth(request: IncomingMessage, { headers, statusCode }: IncomingMessage): boolean {
  if (request.method === 'HEAD' || request.httpVersion !== '1.1' || statusCode === 204 || statusCode === 304)
    return false
  return headers['transfer-encoding'] !== undefined && headers['content-length'] === undefined
}

function relay(exchange: Exchange, outgoing: ClientRequest, passage: Passage, limits: EgressLimits, share: FairShare) {
  const { request, response } = exchange
  const fail = (answer: Answer) => {
    if (response.headersSent) return
    passage.end('error', answer.status)
    say(exchange, answer)
  }
  const where = `${passage.request.host}:${passage.request.port}`
  const invalid = () => fail(answerFor('upstream-invalid', where))
  /** Broken off half-way: the client must not take what it has for the whole. */
  const breakOff = () => {
    passage.end(request.socket.destroyed ? 'client-closed' : 'upstream-closed', response.statusCode)
    request.socket.destroy()
  }
  /** What a listener throws nobody catches, and the process would end: for all sandboxes. */
  const guarded =
    <T extends unknown[]>(work: (...args: T) => void) =>
    (...args: T) => {
      try {
        work(...args)
      } catch {
        if (response.headersSent) breakOff()
        else invalid()
      }
    }

  passage.upstream.setTimeout(limits.idleMs, () => {
    passage.end('limit', response.headersSent ? response.statusCode : 504)
  })
  outgoing.on('error', (error: Error & { code?: string }) => {
    if (request.socket.destroyed) return passage.end('client-closed', null)
    fail(answerFor(error.code?.startsWith('HPE_') ? 'upstream-invalid' : 'upstream-unreachable', where))
  })
  // 101 to somebody who did not ask for it.
  outgoing.on('upgrade', guarded(invalid))
  const interim = { count: 0, continued: request.headers.expect === undefined || request.httpVersion !== '1.1' }
  const onInterim = ({ statusCode }: { statusCode: number }) => {
    interim.count++
    if (response.headersSent) return
    if (interim.count > MAX_INTERIM || statusCode === 101) return invalid()
    if (statusCode !== 100 || interim.continued) return
    interim.continued = true
    response.writeContinue()
  }
  outgoing.on('information', guarded(onInterim))
  const onAnswer = (answer: IncomingMessage) => {
    answer.on('error', breakOff)
    const { statusCode = 0, statusMessage = '' } = answer
    // Behind one that was refused already.
    if (response.headersSent) return
    if (statusCode < 200) return invalid()
    const phrase = /^[\t\x20-\x7e]*$/.test(statusMessage) ? statusMessage : ''
    if (!request.complete) response.setHeader('Connection', 'close')
    response.writeHead(statusCode, phrase, responseHeader(answer.rawHeaders, chunkedBoth(request, answer)).flat())
    response.flushHeaders()
    answer.pipe(response, { end: false })
    share(answer, response)
    const onEnd = () => {
      const trailers = trailerFields(answer.rawTrailers)
      if (trailers.length > 0) response.addTrailers(trailers)
      response.end()
    }
    answer.on('end', guarded(onEnd))
  }
  outgoing.on('response', guarded(onAnswer))
  response.on('error', breakOff)
  response.on('finish', () => passage.end('completed', response.statusCode))
  // The connection's end, not the response's: a pipelined one that was not yet its turn is never told.
  const gone = () => passage.end('client-closed', response.headersSent ? response.statusCode : null)
  request.socket.once('close', gone)
  response.on('close', () => request.socket.off('close', gone))

  request.on('error', () => outgoing.destroy())
  request.pipe(outgoing, { end: false })
  share(request, outgoing)
  const onRequestEnd = () => {
    const trailers = trailerFields(request.rawTrailers)
    if (trailers.length > 0) outgoing.addTrailers(trailers)
    outgoing.end()
  }
  request.on('end', guarded(onRequestEnd))
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
