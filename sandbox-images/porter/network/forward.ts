import net from 'node:net'

export type Forward = { port: number; socketPath: string }

/** A gateway that is being restarted is back within a second: the client waits instead of failing. */
const RETRY_EVERY_MS = 25
const GIVE_UP_AFTER_MS = 2000

const AWAY =
  'HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\nx-backlot-porter: gateway-away\r\nconnection: close\r\n\r\n' +
  'The way out of this sandbox is closed at the moment: Backlot does not answer. Try again in a minute.\n'

function join(client: net.Socket, socketPath: string, deadline: number) {
  const upstream = net.connect({ path: socketPath, allowHalfOpen: true })
  let connected = false
  const leave = () => upstream.destroy()
  client.once('close', leave)
  upstream.once('connect', () => {
    connected = true
    client.pipe(upstream)
    upstream.pipe(client)
  })
  upstream.once('error', () => {
    client.off('close', leave)
    if (connected || client.destroyed) client.destroy()
    else if (Date.now() < deadline) setTimeout(() => join(client, socketPath, deadline), RETRY_EVERY_MS)
    else client.end(AWAY)
  })
  upstream.once('close', () => {
    if (connected) client.destroySoon()
  })
}

/** 127.0.0.1:port → the gateway's socket, byte for byte. Resolves when it listens. */
export function forward({ port, socketPath }: Forward): Promise<net.Server> {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    client.on('error', () => client.destroy())
    join(client, socketPath, Date.now() + GIVE_UP_AFTER_MS)
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host: '127.0.0.1', backlog: 511 }, () => resolve(server))
  })
}
