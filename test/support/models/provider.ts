import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { Provider } from '../../../api/contract/models.ts'

export interface Seen {
  method: string
  url: string
  headers: IncomingMessage['headers']
  body: string
  /** A number for each connection, in the order of their coming. */
  connection: number
}

type Answer = (request: Seen, response: ServerResponse) => void | Promise<void>

/** A model provider on a loopback port that remembers what it was asked. */
export async function openProvider(answer: Answer) {
  const seen: Seen[] = []
  const connections = new Map<object, number>()
  const listener: RequestListener = async (request, response) => {
    const connection = connections.get(request.socket) ?? connections.size
    connections.set(request.socket, connection)
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const one = {
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
      connection,
    }
    seen.push(one)
    await answer(one, response)
  }
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const url = `http://127.0.0.1:${address.port}`
  return {
    seen,
    url,
    as: (id: string, kind: 'openai' | 'anthropic' = 'openai', place: 'cloud' | 'local' = 'cloud'): Provider => ({
      id,
      kind,
      baseUrl: url,
      place,
      hasKey: true,
    }),
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export const json = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}
