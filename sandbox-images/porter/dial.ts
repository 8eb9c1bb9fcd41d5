import http2 from 'node:http2'
import net from 'node:net'

const FIRST_RETRY_MS = 20
const LAST_RETRY_MS = 250
const WINDOW_BYTES = 4_194_304

type OnStream = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void

/**
 * Dials the gateway's socket, for ever, and speaks HTTP/2 as the server on the connection that it dialled. So no socket
 * has to be made or followed inside the sandbox. What the streams belong to (terminals, processes) outlives them.
 */
export function dial(socketPath: string, onStream: OnStream, onState: (connected: boolean) => void = () => {}) {
  let retryMs = FIRST_RETRY_MS
  let closed = false
  let timer: NodeJS.Timeout | undefined
  let socket: net.Socket | undefined

  function connect() {
    const attempt = net.connect({ path: socketPath })
    socket = attempt
    attempt.once('connect', () => {
      retryMs = FIRST_RETRY_MS
      const session = http2.performServerHandshake(attempt, { settings: { initialWindowSize: WINDOW_BYTES } })
      session.setLocalWindowSize(WINDOW_BYTES)
      session.on('stream', onStream)
      session.on('error', () => attempt.destroy())
      session.on('close', () => attempt.destroy())
      onState(true)
    })
    attempt.on('error', () => {})
    attempt.once('close', () => {
      onState(false)
      if (closed) return
      timer = setTimeout(connect, retryMs)
      retryMs = Math.min(retryMs * 2, LAST_RETRY_MS)
    })
  }
  connect()

  return {
    close() {
      closed = true
      clearTimeout(timer)
      socket?.destroy()
    },
  }
}
