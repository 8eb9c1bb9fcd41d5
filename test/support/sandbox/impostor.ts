/** Whoever got hold of a porter's socket: passes for a porter, and answers whatever the test wants. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import http2 from 'node:http2'
import net from 'node:net'

export type Answer = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void

export const json =
  (value: unknown): Answer =>
  (stream) => {
    stream.respond({ ':status': 200 })
    stream.end(JSON.stringify(value))
  }

/** So many bytes as fast as they are taken, and then nothing: the answer never ends. */
export const endless =
  (bytes: number): Answer =>
  (stream) => {
    stream.respond({ ':status': 200 })
    let left = bytes
    const more = () => {
      while (left > 0 && !stream.destroyed) {
        const piece = Buffer.alloc(Math.min(65_536, left), 'x')
        left -= piece.length
        if (!stream.write(piece)) return
      }
    }
    stream.on('drain', more)
    more()
  }

export function createImpostors(socketPath: string) {
  const sockets = new Set<net.Socket>()

  async function dial() {
    const socket = net.connect(socketPath)
    sockets.add(socket)
    socket.on('error', () => {})
    await once(socket, 'connect')
    return socket
  }

  return {
    dial,
    /** It says that it is healthy, or nothing would be asked of it; `answer` is for everything else. */
    async start(answer: Answer) {
      const instance = randomUUID()
      const health = {
        version: '1',
        pid: 1,
        startedAt: new Date().toISOString(),
        instance,
        landlock: false,
        dns: false,
      }
      const session = http2.performServerHandshake(await dial())
      session.on('error', () => {})
      session.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
        stream.on('error', () => {})
        if (headers[':path'] === '/health') json(health)(stream, headers)
        else answer(stream, headers)
      })
      return session
    },
    close() {
      for (const socket of sockets) socket.destroy()
    },
  }
}
