import http2 from 'node:http2'
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'

/** What a stream of the porter may have in flight: enough for a screen that scrolls, bounded for one that attacks. */
const STREAM_WINDOW_BYTES = 1_048_576

/**
 * HTTP/2 as the client on a connection that the sandbox dialled. The other end may be anything: whatever it does on this
 * connection ends at worst this connection.
 *
 * The window of the whole connection stays at its default of 65,535 bytes: after `setLocalWindowSize` an answer that is
 * longer than a stream's window can stop for ever when it is the first on a connection (Node 26.10).
 */
export function openSession(socket: Duplex, log: Logger) {
  const session = http2.connect('http://porter', {
    createConnection: () => socket,
    settings: {
      enablePush: false,
      initialWindowSize: STREAM_WINDOW_BYTES,
      maxHeaderListSize: 16_384,
    },
    maxHeaderListPairs: 64,
    maxSettings: 16,
    maxSessionMemory: 16,
  })
  session.setMaxListeners(0)
  session.on('error', (error) => log.debug({ err: error }, 'the connection of a porter failed'))
  session.on('frameError', () => session.destroy())
  session.on('goaway', () => session.destroy())
  // Only clients open streams here, and pushes are switched off: a peer that tries is not a porter.
  session.on('stream', (stream) => stream.destroy())
  socket.on('error', () => session.destroy())
  // The sockets of a sandbox are half-open (egress needs that), so its end alone would leave a session without a porter.
  socket.on('end', () => session.destroy())
  return session
}
export type PorterSession = ReturnType<typeof openSession>
