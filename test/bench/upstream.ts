/** A process of its own: what tunnels and model calls reach. Says its ports over IPC. */
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'

/** Sent by the port that measures throughput. */
export const BULK_BYTES = 128 * 1024 * 1024
const CHUNK = Buffer.alloc(64 * 1024, 'x')

/** Answers the first bytes with 64 bytes. */
const short = createServer((socket) => {
  socket.on('error', () => {})
  socket.once('data', () => socket.end(CHUNK.subarray(0, 64)))
})

/** Answers the first bytes with BULK_BYTES. */
const bulk = createServer((socket) => {
  socket.on('error', () => {})
  socket.once('data', () => {
    let left = BULK_BYTES
    const more = () => {
      while (left > 0) {
        left -= CHUNK.length
        if (!socket.write(CHUNK)) return socket.once('drain', more)
      }
      socket.end()
    }
    more()
  })
})

const completion = JSON.stringify({
  id: 'bench',
  object: 'chat.completion',
  created: 0,
  model: 'bench',
  choices: [{ index: 0, message: { role: 'assistant', content: 'yes' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 10, completion_tokens: 1, total_tokens: 11 },
})
const models = createHttpServer((request, response) => {
  request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end(completion))
})

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address: AddressInfo | string | null = server.address()
      resolve(address !== null && typeof address !== 'string' ? address.port : 0)
    })
  })
}

process.send?.({ short: await listening(short), bulk: await listening(bulk), models: await listening(models) })
process.on('disconnect', () => process.exit(0))
