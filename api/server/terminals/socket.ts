import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { type ClientFrame, clientFrame, type ServerFrame } from '../../contract/terminal.ts'

/** How much may wait in the server for one browser. Beyond it the terminal's stream is paused. */
const SEND_AHEAD_BYTES = 1_048_576
/** Proxies cut silent connections after a minute at the earliest. A browser that misses one answer is gone. */
const HEARTBEAT_MS = 25_000
const POLICY_VIOLATION = 1008
const TRY_AGAIN_LATER = 1013

export interface Joined {
  socket: WebSocket
  bytes: Duplex
  onFrame(frame: ClientFrame): void
  /** The terminal has ended and everything was sent: the last frame for the browser. */
  lastFrame(): Promise<ServerFrame>
}

export const sendFrame = (socket: WebSocket, frame: ServerFrame) => socket.send(JSON.stringify(frame))

/** Joins a browser's WebSocket with a terminal's stream, each waiting when the other one is slow. */
export function join({ socket, bytes, onFrame, lastFrame }: Joined) {
  let ended = false

  bytes.on('data', (piece: Buffer) => {
    socket.send(piece, { binary: true }, () => {
      if (bytes.isPaused() && socket.bufferedAmount < SEND_AHEAD_BYTES / 2) bytes.resume()
    })
    if (socket.bufferedAmount > SEND_AHEAD_BYTES) bytes.pause()
  })
  bytes.once('end', () => {
    ended = true
    lastFrame().then(
      (frame) => {
        sendFrame(socket, frame)
        socket.close(1000)
      },
      () => socket.close(TRY_AGAIN_LATER),
    )
  })
  bytes.on('error', () => {})
  bytes.once('close', () => {
    if (!ended) socket.close(TRY_AGAIN_LATER)
  })

  socket.on('message', (data, isBinary) => {
    const piece = Array.isArray(data) ? Buffer.concat(data) : data instanceof ArrayBuffer ? Buffer.from(data) : data
    if (isBinary) {
      if (bytes.writable && !bytes.write(piece)) {
        socket.pause()
        bytes.once('drain', () => socket.resume())
      }
      return
    }
    const frame = frameIn(piece)
    if (frame) onFrame(frame)
    else socket.close(POLICY_VIOLATION, 'This message is not in the protocol.')
  })

  let answered = true
  const heartbeat = setInterval(() => {
    if (!answered) return socket.terminate()
    answered = false
    socket.ping()
  }, HEARTBEAT_MS)
  socket.on('pong', () => {
    answered = true
  })
  socket.on('error', () => socket.terminate())
  socket.once('close', () => {
    clearInterval(heartbeat)
    bytes.destroy()
  })
}

function frameIn(piece: Buffer): ClientFrame | null {
  try {
    return clientFrame.parse(JSON.parse(piece.toString('utf8')))
  } catch {
    return null
  }
}
