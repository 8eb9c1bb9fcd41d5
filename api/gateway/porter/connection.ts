import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { porterHealth } from '../../contract/programs/porter.ts'
import { createKeyedQueue } from '../../flow/keyed-queue.ts'
import { createRateLimiter } from '../../flow/rate-limiter.ts'
import { ask, notConnected } from './request.ts'
import { openSession, type PorterSession } from './session.ts'

/** A porter that is there answers a ping at once, however busy its sandbox is. */
const PING_TIMEOUT_MS = 500
const HEALTH_LIMIT_BYTES = 4096

/** `instance`: which run of the porter, and so which start of the container. */
export type PorterEvent =
  | { type: 'connected' | 'lost'; instance: string }
  | { type: 'replaced'; instance: string; before: string }
  | { type: 'refused' }

export interface PorterConnectionDeps {
  log: Logger
  /** Whether people may work in this sandbox now: it was proven, by this gateway or one before it. */
  isClaimed(): boolean
  onEvent(event: PorterEvent): void
}

/**
 * The one connection of one sandbox's porter. Only the porter's own user may dial its socket; while a porter is connected
 * and answers, another connection is refused. Another run of the porter is another start of the container: nothing that was
 * proven before holds for it.
 *
 * Longer than 60 lines because what it answers (which run, trusted or not) is read from the state that admission writes.
 */
export function createPorterConnection({ log, isClaimed, onEvent }: PorterConnectionDeps) {
  const state: { session: PorterSession | null; instance: string | null; proven: string | null; closed: boolean } = {
    session: null,
    instance: null,
    proven: null,
    closed: false,
  }
  const listeners = new Set<() => void>()
  const sessions = new Set<PorterSession>()
  const limiter = createRateLimiter({ burst: 50, perSecond: 10 })
  const admission = createKeyedQueue<'connection'>()
  const closing = new AbortController()

  async function admit(session: PorterSession): Promise<void> {
    const health = await ask(
      session,
      { method: 'GET', path: '/health', limitBytes: HEALTH_LIMIT_BYTES },
      porterHealth,
    ).catch(() => null)
    if (health === null || state.closed) return session.destroy()
    const taken = await isAlive(state.session)
    if (state.closed) return session.destroy()
    if (taken) {
      onEvent({ type: 'refused' })
      return session.destroy()
    }
    state.session?.destroy()
    take(session, health.instance)
  }

  function take(session: PorterSession, instance: string): void {
    const before = state.instance
    state.session = session
    state.instance = instance
    session.once('close', () => {
      if (state.session !== session) return
      state.session = null
      if (!state.closed) onEvent({ type: 'lost', instance })
    })
    if (before === null || before === instance) onEvent({ type: 'connected', instance })
    else onEvent({ type: 'replaced', instance, before })
    for (const listener of listeners) listener()
  }

  /** Calls `listener` at each new connection, from now on; returns how to stop. */
  function onConnect(listener: () => void): () => void {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }
  const connected = () => state.session !== null && !state.session.destroyed

  return {
    /** Takes a connection to porter.sock. */
    accept(socket: Duplex) {
      socket.on('error', () => {})
      if (state.closed || !limiter.take()) {
        socket.destroy()
        return
      }
      const session = openSession(socket, log)
      sessions.add(session)
      session.once('close', () => sessions.delete(session))
      session.once('remoteSettings', () => void admission.run('connection', () => admit(session)))
    },
    connected,
    onConnect,
    /** Resolves when one is connected; false when `signal` fires, or this side closes, before that. */
    untilConnected(signal: AbortSignal): Promise<boolean> {
      const over = AbortSignal.any([signal, closing.signal])
      return new Promise((resolve) => {
        if (connected() || over.aborted) return resolve(connected())
        const stop = onConnect(() => settle())
        const settle = () => {
          stop()
          over.removeEventListener('abort', settle)
          resolve(connected())
        }
        over.addEventListener('abort', settle)
      })
    },
    /** Which run of the porter is, or was last, connected. */
    instance: () => state.instance,
    markProven(instance: string): void {
      state.proven = instance
    },
    /** False: the container was started again since it was proven, so nothing may be done in it, or by it. */
    isTrusted(): boolean {
      // A gateway that has just started knows of no proof: what is claimed was proven before.
      if (state.proven === null && state.instance !== null && isClaimed()) state.proven = state.instance
      return state.proven === null || state.proven === state.instance
    },
    /** Throws ApiError `sandbox_not_ready` while none is connected. */
    session(): PorterSession {
      if (!state.session || state.session.destroyed) throw notConnected()
      return state.session
    },
    /** Ends whatever is asked of the porter now, and programs that it runs for us. It may connect again. */
    cut() {
      for (const session of sessions) session.destroy()
    },
    async close() {
      state.closed = true
      state.session = null
      closing.abort()
      for (const session of sessions) session.destroy()
    },
  }
}

async function isAlive(session: PorterSession | null): Promise<boolean> {
  if (!session || session.destroyed || session.closed) return false
  const answered = new Promise<boolean>((resolve) => {
    session.once('close', () => resolve(false))
    if (!session.ping((error) => resolve(error === null))) resolve(false)
  })
  return Promise.race([answered, delay(PING_TIMEOUT_MS, false, { ref: false })])
}
