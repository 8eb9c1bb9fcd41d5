/** What arrives on a client's connection, as node:http's parser reports it: a request, a CONNECT, or neither. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FairShare } from '../../flow/fair-share.ts'
import type { RateLimiter } from '../../flow/rate-limiter.ts'
import { clientOf, clientOfUnread, pace } from '../budget/client.ts'
import { type Clients, type Connection, MAX_PIPELINED } from './clients.ts'
import { rawAnswer } from './denial.ts'
import { forward, refuseRequest } from './http/forward.ts'
import { framingRefusal, parseRefusal } from './http/framing.ts'
import type { Exchange } from './http/relay.ts'
import type { EgressLimits } from './limits.ts'
import type { Routes } from './route.ts'
import { escapeRaw, refusalInLine } from './target.ts'
import { finish, tunnel } from './tunnel.ts'

export interface ReceiveDeps {
  clients: Clients
  routes: Routes
  limits: EgressLimits
  rateLimiter: RateLimiter
  fairShare: FairShare
  /** Runs what nobody waits for; see listener.ts. */
  run(work: Promise<unknown>, client: Socket): void
}

/** `expects`: it has an Expect field that is not "100-continue". */
export function receiveRequest({ request, response }: Exchange, expects: boolean, deps: ReceiveDeps): void {
  const { clients, limits, rateLimiter, run } = deps
  const { socket } = request
  const client = clients.get(socket)
  // The parser goes on to the end of what it was given, which takes as much of the thread.
  if (client?.refused) return void rateLimiter.reserveWithin(limits.requestPauseMs)
  clearTimeout(client?.timer)
  client?.requests.add(request)
  response.on('close', () => {
    client?.requests.delete(request)
    clients.expectNext(socket)
  })
  if (!client || client.requests.size > MAX_PIPELINED)
    run(clients.refuseBytes(socket, 'too-many-connections', null), socket)
  // Whoever is too fast sends one at a time: those behind it cost the thread as much, and their client may not wait for any.
  else if (client.requests.size > 1 && rateLimiter.waitMs() > 0)
    run(clients.refuseBytes(socket, 'rate-limit', null), socket)
  else run(answerRequest({ request, response }, client, expects, deps), socket)
}

async function answerRequest(
  { request, response }: Exchange,
  client: Connection,
  expects: boolean,
  { routes, limits, rateLimiter, fairShare }: ReceiveDeps,
) {
  const reason = expects ? 'expectation-unknown' : framingRefusal(request, limits.headerBytes)
  // Its body may not parse either; that is then the same refusal.
  if (reason && !request.complete) client.refused = true
  if (reason) return refuseRequest({ request, response }, routes, reason)
  const stayed = await pace(rateLimiter, limits.requestPauseMs, clientOf(request.socket))
  if (!stayed) return refuseRequest({ request, response }, routes, 'rate-limit')
  return forward({ request, response }, routes, limits, fairShare)
}

export function receiveConnect(request: IncomingMessage, head: Buffer, upgrade: boolean, deps: ReceiveDeps): void {
  const { socket } = request
  const client = deps.clients.get(socket)
  clearTimeout(client?.timer)
  // Pipelined behind others: their answers and the tunnel's bytes would mix.
  const alone = client !== undefined && client.requests.size === 0
  deps.run(answerConnect(request, head, { alone, upgrade }, deps), socket)
}

async function answerConnect(
  request: IncomingMessage,
  head: Buffer,
  { alone, upgrade }: { alone: boolean; upgrade: boolean },
  { routes, limits, rateLimiter, fairShare }: ReceiveDeps,
) {
  const { socket, headers, method = '', url = '' } = request
  const reason = upgrade ? 'upgrade-not-allowed' : framingRefusal(request, limits.headerBytes)
  const asker = clientOfUnread(socket)
  const stayed = reason !== null || (await pace(rateLimiter, limits.requestPauseMs, asker))
  if (alone && !reason && stayed) return tunnel({ client: socket, head, url, headers }, routes, limits, fairShare)
  const raw = escapeRaw(`${method} ${url}`)
  const why = reason ?? (stayed ? 'malformed-request' : 'rate-limit')
  const { answer } = await routes.refuse({ reason: why, method, raw }, asker)
  if (alone) finish(socket, rawAnswer(answer, headers))
  else socket.destroy()
}

/** The client went away in the middle of a header: nothing was asked, and nobody hears an answer. */
const GONE = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'HPE_INVALID_EOF_STATE'])

/** Bytes that do not parse, or an error of the connection. */
export function receiveError(
  { code = '', rawPacket }: Error & { code?: string; rawPacket?: Buffer },
  stream: Duplex,
  { clients, run }: ReceiveDeps,
): void {
  const found = clients.find(stream)
  if (!found || GONE.has(code)) return void stream.destroy()
  const [socket, client] = found
  if (client.refused) return
  // In the body of a request that has events of its own: whoever handles it sees the connection's end.
  if ([...client.requests].some(({ complete }) => !complete)) return void socket.destroy()
  const raw = rawPacket ?? null
  const inLine = code === 'HPE_INVALID_URL' && raw ? refusalInLine(raw) : null
  run(clients.refuseBytes(socket, parseRefusal(code) ?? inLine ?? 'malformed-request', raw), socket)
}
