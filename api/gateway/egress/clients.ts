import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { EgressDenial } from '../../contract/reasons.ts'
import { clientOf } from '../budget/client.ts'
import { answerFor, rawAnswer } from './denial.ts'
import type { EgressLimits } from './limits.ts'
import type { Routes } from './route.ts'
import { escapeRaw } from './target.ts'
import { finish } from './tunnel.ts'

export interface Connection {
  timer: NodeJS.Timeout | undefined
  /** Its bytes did not parse; what still comes is not looked at. */
  refused: boolean
  /** Those that were not answered to the end; more than one when the client pipelines. */
  requests: Set<IncomingMessage>
}

/** Requests that one connection may have sent ahead of their answers. */
export const MAX_PIPELINED = 32
/** For a client beyond the limit to read why it is closed. */
const OVERFLOW_LINGER_MS = 100
const OVERFLOW_RECORD_MS = 1000

interface ClientsDeps {
  routes: Pick<Routes, 'refuse'>
  limits: Pick<EgressLimits, 'connections' | 'keepAliveMs' | 'headerMs'>
  /** Runs what nobody waits for; see listener.ts. */
  run(work: Promise<unknown>, client: Socket): void
}

/** One sandbox's connections to its egress socket, and the time that each has for its next request. */
export function createClients({ routes, limits, run }: ClientsDeps) {
  const clients = new Map<Socket, Connection>()
  const overflow = createOverflow({ routes, limits, run })

  /** The time for a request's header: from the connection's start, and again from each answer's end. */
  function expectHeader(socket: Socket, withinMs: number) {
    const client = clients.get(socket)
    if (!client || client.requests.size > 0) return
    clearTimeout(client.timer)
    client.timer = setTimeout(() => run(refuseBytes(socket, 'header-timeout', null), socket), withinMs).unref()
  }

  /** For bytes that are no request. The rest of the connection cannot be understood either, so it ends here. */
  async function refuseBytes(socket: Socket, reason: EgressDenial, raw: Buffer | null) {
    const client = clients.get(socket)
    if (!client || client.refused) return
    client.refused = true
    clearTimeout(client.timer)
    const denial = { reason, method: '', raw: raw === null ? '' : escapeRaw(raw) }
    const { answer } = await routes.refuse(denial, clientOf(socket))
    // Other answers are in flight, so none can be written here.
    if (client.requests.size > 0) socket.destroy()
    else finish(socket, rawAnswer(answer))
  }

  return {
    refuseBytes,
    /** False: there are too many, and this one is closed without reading from it. */
    add(socket: Socket): boolean {
      if (clients.size >= limits.connections) {
        overflow.refuse(socket)
        return false
      }
      socket.setMaxListeners(MAX_PIPELINED + 20)
      clients.set(socket, { timer: undefined, refused: false, requests: new Set() })
      socket.on('close', () => {
        clearTimeout(clients.get(socket)?.timer)
        clients.delete(socket)
      })
      return true
    },
    expectFirst: (socket: Socket) => expectHeader(socket, limits.headerMs),
    expectNext: (socket: Socket) => expectHeader(socket, limits.keepAliveMs + limits.headerMs),
    get: (socket: Socket) => clients.get(socket),
    /** node:http gives the socket of an error as any stream. */
    find: (stream: Duplex) => [...clients].find(([socket]) => socket === stream) ?? null,
    size: () => clients.size,
    destroyAll() {
      for (const socket of [...clients.keys()]) socket.destroy()
      overflow.reportNow()
    },
  }
}
export type Clients = ReturnType<typeof createClients>

/** Connections past the limit are closed without reading from them. They are counted, and recorded together once a second: they must not flood the log. */
function createOverflow({ routes, limits, run }: ClientsDeps) {
  const state: { refused: number; latest: Socket | null; timer: NodeJS.Timeout | null } = {
    refused: 0,
    latest: null,
    timer: null,
  }

  /** Writes what was counted so far. `client`: one of them. */
  function report(client: Socket) {
    if (state.timer) clearTimeout(state.timer)
    state.timer = null
    const raw = `connections beyond ${limits.connections}`
    const denial = { reason: 'too-many-connections', method: '', raw, times: state.refused } as const
    state.refused = 0
    run(routes.refuse(denial, clientOf(client)), client)
  }

  return {
    refuse(client: Socket) {
      client.end(rawAnswer(answerFor('too-many-connections', null)))
      client.resume()
      setTimeout(() => client.destroy(), OVERFLOW_LINGER_MS).unref()
      state.latest = client
      state.refused++
      state.timer ??= setTimeout(() => report(client), OVERFLOW_RECORD_MS).unref()
    },
    /** To be called when all connections are closed: nothing is counted only after it. */
    reportNow() {
      if (state.refused > 0 && state.latest) report(state.latest)
    },
  }
}
