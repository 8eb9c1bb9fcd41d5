import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import { createRateLimiter } from '../../flow/rate-limiter.ts'
import { notConnected } from './request.ts'
import { openSession, type PorterSession } from './session.ts'

/**
 * The connection of one sandbox's porter. The newest one counts: a porter that was restarted must not wait until its
 * predecessor's connection is noticed as dead. Whoever else in the sandbox dials this socket takes the sandbox's own
 * terminals away, and nothing more.
 */
export function createPorterConnection({ log }: { log: Logger }) {
  const state: { session: PorterSession | null; closed: boolean } = { session: null, closed: false }
  const listeners = new Set<() => void>()
  const limiter = createRateLimiter({ burst: 50, perSecond: 10 })
  const isConnected = () => state.session !== null && !state.session.destroyed

  return {
    /** Takes a connection to porter.sock. */
    accept(socket: Duplex) {
      socket.on('error', () => {})
      if (state.closed || !limiter.take()) {
        socket.destroy()
        return
      }
      state.session?.destroy()
      const session = openSession(socket, log)
      state.session = session
      session.once('close', () => {
        if (state.session === session) state.session = null
      })
      session.once('remoteSettings', () => {
        if (state.session === session) for (const listener of listeners) listener()
      })
    },
    connected: isConnected,
    /** Calls `listener` at each new connection, from now on; returns how to stop. */
    onConnect(listener: () => void): () => void {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    /** Throws ApiError `sandbox_not_ready` while none is connected. */
    session(): PorterSession {
      if (!state.session || state.session.destroyed) throw notConnected()
      return state.session
    },
    async close() {
      state.closed = true
      state.session?.destroy()
      state.session = null
    },
  }
}
