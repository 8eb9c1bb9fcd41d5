import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FairShare } from '../../flow/fair-share.ts'
import { clientOfUnread } from '../budget/client.ts'
import { type Answer, rawAnswer } from './denial.ts'
import type { EgressLimits } from './limits.ts'
import type { Route, Routes } from './route.ts'
import { connectTarget, escapeRaw } from './target.ts'
import { firstAnswer, type Gate, passHello, passSecondHello } from './tls/gate.ts'

interface Connect {
  client: Socket
  /** Bytes that came behind the request's header. */
  head: Buffer
  url: string
  headers: IncomingHttpHeaders
}

/**
 * CONNECT: judged, dialled, answered 200, and then opaque but for the ClientHello, whose server name must be the CONNECT
 * host. What goes on inside, the upstream's certificate and a renegotiation to another name are the client's to check: the
 * gateway has no key to look in with, and the policy says `unsafeOpaque` for it.
 */
export async function tunnel(
  { client, head, url, headers }: Connect,
  routes: Routes,
  limits: EgressLimits,
  fairShare: FairShare,
): Promise<void> {
  const target = connectTarget(url)
  const route = target.ok
    ? await routes.open(target.request, clientOfUnread(client))
    : await routes.refuse(
        { reason: target.reason, method: 'CONNECT', raw: escapeRaw(`CONNECT ${url}`) },
        clientOfUnread(client),
      )
  if (!route.ok) return finish(client, rawAnswer(route.answer, headers))

  try {
    await relay({ client, head }, route, limits, fairShare)
  } catch (error) {
    route.end('error', 502)
    throw error
  }
}

async function relay(
  { client, head }: Pick<Connect, 'client' | 'head'>,
  route: Route,
  limits: EgressLimits,
  fairShare: FairShare,
): Promise<void> {
  const { upstream, request, signal } = route
  signal.addEventListener('abort', () => client.destroy())
  if (client.destroyed) return route.end('client-closed', null)
  client.on('close', () => route.end(outcomeOf(client, upstream), 200))
  upstream.on('close', () => {
    drain(client)
    route.end(outcomeOf(client, upstream), 200)
  })

  client.write('HTTP/1.1 200 Connection established\r\n\r\n')
  const terms = { host: request.host, maxBytes: limits.helloBytes, timeoutMs: limits.helloMs }
  const first = await passHello(client, head, terms)
  if (!first.ok) return refuse(first, route, client)
  upstream.write(first.hello)

  // The client is not read until the server has answered: a second hello must not slip through meanwhile.
  const answer = await firstAnswer(upstream, limits.idleMs)
  client.write(answer.bytes)
  let rest = first.rest
  if (answer.retry) {
    const second = await passSecondHello(client, rest, terms)
    if (!second.ok) return refuse(second, route, client)
    upstream.write(second.hello)
    rest = second.rest
  }
  if (rest.length > 0) upstream.write(rest)
  join(client, upstream, route, limits.idleMs)
  fairShare(client, upstream)
  fairShare(upstream, client)
}

function join(client: Socket, upstream: Socket, route: Route, idleMs: number) {
  // Every byte passes both sockets, so one of them measures the silence of both directions.
  upstream.setTimeout(idleMs, () => route.end('limit', 200))
  client.on('end', () => upstream.setTimeout(Math.min(idleMs, HALF_CLOSED_IDLE_MS)))
  client.pipe(upstream)
  upstream.pipe(client)
}

async function refuse(gate: Exclude<Gate, { ok: true }>, route: Route, client: Socket) {
  if (gate.reason === 'closed') return route.end('client-closed', 200)
  const answer: Answer = await route.deny(gate.reason)
  finish(client, gate.reason === 'connect-non-tls' ? rawAnswer(answer) : ALERT)
}

/** A client that said its last may be gone altogether, which does not show on a unix socket. */
const HALF_CLOSED_IDLE_MS = 120_000

/** A fatal access_denied (RFC 8446 section 6): TLS clients say so, where a closed connection would say nothing. */
const ALERT = Buffer.from([21, 3, 3, 0, 2, 2, 49])
/** For a client that does not take, or does not close after, the last word. */
const LINGER_MS = 5000

/** Writes the last word and closes. What the client still sends is dropped: unread, it would reset the connection before the word is read. */
export function finish(client: Duplex, lastWord: string | Buffer): void {
  if (client.destroyed) return
  client.end(lastWord)
  client.resume()
  destroyLater(client)
}

/** The upstream is gone: what is on its way to the client still gets there. */
function drain(client: Socket) {
  if (client.destroyed) return
  client.destroySoon()
  destroyLater(client)
}

function destroyLater(client: Duplex) {
  const timer = setTimeout(() => client.destroy(), LINGER_MS).unref()
  client.on('close', () => clearTimeout(timer))
}

/** `completed`: both sides said that they had no more to say. */
function outcomeOf(client: Socket, upstream: Socket) {
  if (client.readableEnded && upstream.readableEnded) return 'completed' as const
  return upstream.destroyed && !client.readableEnded ? ('upstream-closed' as const) : ('client-closed' as const)
}
