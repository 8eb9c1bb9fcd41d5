/** One plain HTTP exchange in its two directions: the client's request up, the upstream's answer down. */
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import type { FairShare } from '../../../flow/fair-share.ts'
import { type Answer, answerFor, renderAnswer } from '../denial.ts'
import type { Route } from '../route.ts'
import { responseHeader, trailerFields } from './headers.ts'

export interface Exchange {
  request: IncomingMessage
  response: ServerResponse
}

/** Answers before the answer (1xx). Real servers send one or two. */
const MAX_INTERIM = 10

/** What either direction does when it cannot go on. */
interface Failing {
  /** The upstream's answer cannot be understood. */
  invalid(): void
  /** For an answer that has begun: the client must not take what it has for the whole. */
  breakOff(): void
  /** Wraps a listener: nobody catches what one throws, and the process would end for all sandboxes. */
  guard<T extends unknown[]>(listener: (...args: T) => void): (...args: T) => void
}

export function relay(
  exchange: Exchange,
  outgoing: ClientRequest,
  route: Route,
  idleMs: number,
  fairShare: FairShare,
): void {
  const { request, response } = exchange
  const failing = createFailing(exchange, route)
  route.upstream.setTimeout(idleMs, () => {
    route.end('limit', response.headersSent ? response.statusCode : 504)
  })
  outgoing.on('error', (error: Error & { code?: string }) => {
    if (request.socket.destroyed) return route.end('client-closed', null)
    if (error.code?.startsWith('HPE_')) failing.invalid()
    else failUnsent(exchange, route, 'upstream-unreachable')
  })
  relayAnswer(exchange, outgoing, failing, fairShare)
  response.on('finish', () => route.end('completed', response.statusCode))
  // The connection's end, not the response's: a pipelined one that was not yet its turn is never told.
  const onClientGone = () => route.end('client-closed', response.headersSent ? response.statusCode : null)
  request.socket.once('close', onClientGone)
  response.on('close', () => request.socket.off('close', onClientGone))
  relayRequest(request, outgoing, failing, fairShare)
}

function createFailing(exchange: Exchange, route: Route): Failing {
  const { request, response } = exchange
  const invalid = () => failUnsent(exchange, route, 'upstream-invalid')
  const breakOff = () => {
    route.end(request.socket.destroyed ? 'client-closed' : 'upstream-closed', response.statusCode)
    request.socket.destroy()
  }
  const guard =
    <T extends unknown[]>(listener: (...args: T) => void) =>
    (...args: T) => {
      try {
        listener(...args)
      } catch {
        if (response.headersSent) breakOff()
        else invalid()
      }
    }
  return { invalid, breakOff, guard }
}

/** Ends with an error of ours, unless the upstream's answer has begun. */
function failUnsent(exchange: Exchange, route: Route, reason: Answer['reason']) {
  if (exchange.response.headersSent) return
  const answer = answerFor(reason, `${route.request.host}:${route.request.port}`)
  route.end('error', answer.status)
  respond(exchange, answer)
}

function relayRequest(request: IncomingMessage, outgoing: ClientRequest, { guard }: Failing, fairShare: FairShare) {
  request.on('error', () => outgoing.destroy())
  request.pipe(outgoing, { end: false })
  fairShare(request, outgoing)
  const onEnd = () => {
    const trailers = trailerFields(request.rawTrailers)
    if (trailers.length > 0) outgoing.addTrailers(trailers)
    outgoing.end()
  }
  request.on('end', guard(onEnd))
  outgoing.flushHeaders()
}

function relayAnswer(
  { request, response }: Exchange,
  outgoing: ClientRequest,
  { invalid, breakOff, guard }: Failing,
  fairShare: FairShare,
) {
  // 101 to somebody who did not ask for it.
  outgoing.on('upgrade', guard(invalid))
  const interim = { count: 0, continued: request.headers.expect === undefined || request.httpVersion !== '1.1' }
  const onInterim = ({ statusCode }: { statusCode: number }) => {
    interim.count++
    if (response.headersSent) return
    if (interim.count > MAX_INTERIM || statusCode === 101) return invalid()
    if (statusCode !== 100 || interim.continued) return
    interim.continued = true
    response.writeContinue()
  }
  outgoing.on('information', guard(onInterim))
  const onAnswer = (answer: IncomingMessage) => {
    answer.on('error', breakOff)
    const { statusCode = 0, statusMessage = '' } = answer
    // It comes behind an answer that was refused already.
    if (response.headersSent) return
    if (statusCode < 200) return invalid()
    const phrase = /^[\t\x20-\x7e]*$/.test(statusMessage) ? statusMessage : ''
    if (!request.complete) response.setHeader('Connection', 'close')
    response.writeHead(statusCode, phrase, responseHeader(answer.rawHeaders, isChunkedOnBoth(request, answer)).flat())
    response.flushHeaders()
    answer.pipe(response, { end: false })
    fairShare(answer, response)
    const onEnd = () => {
      const trailers = trailerFields(answer.rawTrailers)
      if (trailers.length > 0) response.addTrailers(trailers)
      response.end()
    }
    answer.on('end', guard(onEnd))
  }
  outgoing.on('response', guard(onAnswer))
  response.on('error', breakOff)
}

/** Whether this answer reaches the client chunked, as it came; only then trailers can follow it. */
function isChunkedOnBoth(request: IncomingMessage, { headers, statusCode }: IncomingMessage): boolean {
  if (request.method === 'HEAD' || request.httpVersion !== '1.1' || statusCode === 204 || statusCode === 304)
    return false
  return headers['transfer-encoding'] !== undefined && headers['content-length'] === undefined
}

/** Gives an answer of ours. A body that nobody reads must not be taken for the next request, so then the connection ends. */
export function respond({ request, response }: Exchange, answer: Answer): void {
  if (request.socket.destroyed || response.headersSent) return
  const { body, header } = renderAnswer(answer, request.headers)
  if (!request.complete) response.setHeader('Connection', 'close')
  response.writeHead(answer.status, header)
  response.end(request.method === 'HEAD' ? undefined : body)
  request.resume()
}
