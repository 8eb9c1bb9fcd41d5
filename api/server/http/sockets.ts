import type { IncomingMessage } from 'node:http'
import type { WebSocket } from 'ws'
import type { LiveConnections } from './live.ts'
import type { App, Caller } from './route.ts'

/** RFC 6455 section 7.4.1: policy violation. */
const NO_LONGER_ALLOWED = 1008
/** A browser answers a close frame at once; a client that does not is cut off. */
const GOODBYE_MS = 1_000

/**
 * A WebSocket that is refused leaves no connection behind; one that was let in is closed when its person signs out, is
 * disabled, put on hold or loses a role, or its token is revoked. Call after @fastify/websocket.
 */
export function endSocketsWithTheirRight(app: App, live: LiveConnections): void {
  const callers = new WeakMap<IncomingMessage, Caller>()
  app.addHook('preHandler', async ({ raw, caller }) => {
    if (caller && raw.headers.upgrade !== undefined) callers.set(raw, caller)
  })
  // Node forgets a socket that asked for an upgrade: after a plain answer nobody else would end it.
  app.addHook('onResponse', async ({ raw }) => {
    if (raw.headers.upgrade !== undefined) raw.socket.end()
  })
  app.websocketServer.on('connection', (socket, raw: IncomingMessage) => {
    const caller = callers.get(raw)
    if (caller)
      socket.once(
        'close',
        live.track(caller, () => end(socket)),
      )
  })
}

/** After we close, ws still delivers messages until the other side closes too: what is typed in that time must not be used. */
function end(socket: WebSocket): void {
  socket.removeAllListeners('message')
  socket.close(NO_LONGER_ALLOWED, 'This is no longer open to you.')
  setTimeout(() => socket.terminate(), GOODBYE_MS).unref()
}
