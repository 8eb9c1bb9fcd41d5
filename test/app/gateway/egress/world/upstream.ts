/** Upstreams of the tests' own: they remember every byte that reached them. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls'

async function listening(server: Server) {
  const sockets = new Set<Socket>()
  let received = 0
  let connections = 0
  server.on('connection', (socket: Socket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      received += socket.bytesRead
      sockets.delete(socket)
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = portOf(server.address())
  return {
    port,
    /** Bytes that reached it, over all connections. */
    received: () => [...sockets].reduce((sum, socket) => sum + socket.bytesRead, received),
    connections: () => connections,
    open: () => sockets.size,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((done) => server.close(() => done()))
    },
  }
}
export type Upstream = Awaited<ReturnType<typeof listening>>

function portOf(address: AddressInfo | string | null): AddressInfo {
  if (address === null || typeof address === 'string') throw new Error('not listening on TCP')
  return address
}

const readToEnd = (socket: Socket) => void socket.resume().on('end', () => socket.end())

/** Plain TCP; by default it reads and says nothing. */
export const rawUpstream = (onConnection: (socket: Socket) => void = readToEnd) =>
  listening(createServer({ allowHalfOpen: true }, onConnection))

export const httpUpstream = (handle: RequestListener) => listening(createHttpServer({ keepAlive: false }, handle))

export function tlsUpstream(names: string[], onSecure: (socket: TLSSocket) => void, options: TlsOptions = {}) {
  return listening(createTlsServer({ ...selfSigned(names), ...options }, onSecure))
}

/** A key and a self-signed certificate for these names, made by openssl. */
export function selfSigned(names: string[]): { key: Buffer; cert: Buffer } {
  const directory = mkdtempSync(join(tmpdir(), 'cert-'))
  try {
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
    const names_ = names.map((name) => `DNS:${name}`).join(',')
    const how = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
    execFileSync(
      'openssl',
      [...how, '-keyout', key, '-out', cert, '-subj', `/CN=${names[0]}`, '-addext', `subjectAltName=${names_}`],
      {
        stdio: 'ignore',
      },
    )
    return { key: readFileSync(key), cert: readFileSync(cert) }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
