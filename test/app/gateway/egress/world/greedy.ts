/** A thread of its own: an upstream that pours without end, and the clients that pull it through somebody's door. */
import { connect, createServer } from 'node:net'
import { parentPort } from 'node:worker_threads'
import { z } from 'zod'
import { hello } from './hello.ts'

const order = z.strictObject({ path: z.string(), tunnels: z.number() })
const flood = Buffer.alloc(64 * 1024)

const server = createServer((socket) => {
  const pour = () => {
    // A loop would not come to its end as long as the other side keeps up.
    if (!socket.destroyed && socket.write(flood)) setImmediate(pour)
  }
  socket.on('error', () => {})
  socket.once('data', pour).on('drain', pour)
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  parentPort?.postMessage(address !== null && typeof address === 'object' ? address.port : 0)
})

parentPort?.on('message', (message) => {
  const { path, tunnels } = order.parse(message)
  let pulling = 0
  for (let turn = 0; turn < tunnels; turn++) {
    const client = connect(path)
    client.on('error', () => {})
    client.write('CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n')
    client.once('data', () => {
      client.write(hello())
      client.resume()
      if (++pulling === tunnels) parentPort?.postMessage('pulling')
    })
  }
})
