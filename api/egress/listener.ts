import { createServer, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import type { SandboxDoor } from '../gateway/identity.ts'
import { answerFor, type DenyReason, rawAnswer } from './denial.ts'
import { forward, refuseRequest } from './forward.ts'
import { headerLength } from './headers.ts'
import { createPace, DEFAULT_LIMITS, type EgressLimits } from './limits.ts'
import { createPassages, type Dial, type Resolve } from './passage.ts'
import { type Append, createRecorder } from './record.ts'
import { escapedRaw, refusalInLine } from './target.ts'
import { finish, tunnel } from './tunnel.ts'

export interface EgressDeps {
  sandbox: SandboxDoor
  append: Append
  resolve: Resolve
  dial: Dial
  /** This machine's addresses, now; see dial.ts. */
  own: () => ReadonlySet<string>
  limits?: Partial<EgressLimits>
  log: Logger
}

/** llhttp's error codes; what is not here is `malformed-request`. */
const PARSE_REASONS: Record<string, DenyReason> = {
  HPE_HEADER_OVERFLOW: 'header-too-large',
  HPE_PAUSED_H2_UPGRADE: 'http2-preface',
  HPE_INVALID_METHOD: 'not-http',
  HPE_INVALID_CONTENT_LENGTH: 'framing-ambiguous',
  HPE_UNEXPECTED_CONTENT_LENGTH: 'framing-ambiguous',
  HPE_INVALID_TRANSFER_ENCODING: 'framing-ambiguous',
  ERR_HTTP_REQUEST_TIMEOUT: 'header-timeout',
}
/** Client went away in the middle of a header: nothing was asked, nobody hears an answer. */
const GONE = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED'])

/**
 * The explicit proxy behind one sandbox's egress.sock: CONNECT and absolute-form HTTP/1.1. It shares nothing with another
 * sandbox's: connections, limits and pace are its own.
 */
export function createEgress({ sandbox, append, resolve, dial, own, limits: given, log }: EgressDeps) {
  const limits: EgressLimits = { ...DEFAULT_LIMITS, ...given }
  const record = createRecorder({ sandbox, append, log })
  const passages = createPassages({ sandbox, record, resolve, dial, own, limits })
  const pace = createPace(limits.requestsPerSecond, limits.requestBurst)
  const clients = new Map<Socket, NodeJS.Timeout>()
  const overflow = { refused: 0, timer: null as NodeJS.Timeout | null }

  const server = createServer({
    insecureHTTPParser: false,
    // The parser counts without separators; the whole is counted in `refusalOf`.
    maxHeaderSize: limits.headerBytes,
    // Checked here, so that it is written down like any other refusal.
    requireHostHeader: false,
    keepAliveTimeout: limits.keepAliveMs,
    noDelay: true,
  })
  // Past the default of 2000 node:http drops fields silently; bytes are the limit.
  server.maxHeadersCount = 0
  server.timeout = limits.idleMs

  const shielded = (work: Promise<unknown>, client: Socket) =>
    work.catch((error: unknown) => {
      log.error({ err: error }, 'a request could not be handled')
      client.destroy()
    })

  /** The time for a request's header: from the connection's start, and again from each answer's end. */
  function expectHeader(client: Socket, withinMs: number) {
    if (!clients.has(client)) return
    clearTimeout(clients.get(client))
    clients.set(
      client,
      setTimeout(() => void shielded(refuseRaw(client, 'header-timeout', null), client), withinMs).unref(),
    )
  }

  async function refuseRaw(client: Socket, reason: DenyReason, raw: Buffer | null) {
    clearTimeout(clients.get(client))
    const { answer } = await passages.refuse({ reason, method: '', raw: raw === null ? '' : escapedRaw(raw) })
    finish(client, rawAnswer(answer))
  }

  for (const event of ['request', 'checkContinue', 'checkExpectation'] as const) {
    server.on(event, (request: IncomingMessage, response) => {
      const client = request.socket
      clearTimeout(clients.get(client))
      response.on('close', () => expectHeader(client, limits.keepAliveMs + limits.headerMs))
      const handled = async () => {
        const reason = event === 'checkExpectation' ? 'expectation-unknown' : refusalOf(request, limits)
        if (reason) return refuseRequest({ request, response }, passages, reason)
        await pace()
        return forward({ request, response }, passages, limits)
      }
      void shielded(handled(), client)
    })
  }
  server.on('connect', (request: IncomingMessage, _stream, head: Buffer) => {
    const client = request.socket
    clearTimeout(clients.get(client))
    const handled = async () => {
      const reason = refusalOf(request, limits)
      if (reason) {
        const { answer } = await passages.refuse({
          reason,
          method: 'CONNECT',
          raw: escapedRaw(`CONNECT ${request.url}`),
        })
        return finish(client, rawAnswer(answer, request.headers))
      }
      await pace()
      return tunnel({ client, head, url: request.url ?? '', headers: request.headers }, passages, limits)
    }
    void shielded(handled(), client)
  })
  server.on('upgrade', (request: IncomingMessage) => {
    clearTimeout(clients.get(request.socket))
    const raw = escapedRaw(`${request.method} ${request.url}`)
    const handled = async () => {
      const { answer } = await passages.refuse({ reason: 'upgrade-not-allowed', method: request.method ?? '', raw })
      finish(request.socket, rawAnswer(answer, request.headers))
    }
    void shielded(handled(), request.socket)
  })
  server.on('clientError', (error: Error & { code?: string; rawPacket?: Buffer }, client) => {
    const socket = [...clients.keys()].find((known) => known === client)
    if (!socket || socket.destroyed) return client.destroy()
    if (GONE.has(error.code ?? '') || error.code === 'HPE_INVALID_EOF_STATE') return socket.destroy()
    const raw = error.rawPacket ?? null
    const inLine = error.code === 'HPE_INVALID_URL' && raw ? refusalInLine(raw) : null
    const reason = PARSE_REASONS[error.code ?? ''] ?? inLine ?? 'malformed-request'
    void shielded(refuseRaw(socket, reason, raw), socket)
  })

  /** Past the limit connections are closed unheard. They are counted and written down once a second: the log must not drown. */
  function overflowed(client: Socket) {
    client.end(rawAnswer(answerFor('too-many-connections', null)))
    client.resume()
    setTimeout(() => client.destroy(), 100).unref()
    overflow.refused++
    overflow.timer ??= setTimeout(() => {
      const raw = `${overflow.refused} connections beyond ${limits.connections}`
      overflow.refused = 0
      overflow.timer = null
      void passages.refuse({ reason: 'too-many-connections', method: '', raw })
    }, 1000).unref()
  }

  return {
    /** Takes an accepted connection of the sandbox's socket, made with `allowHalfOpen`. */
    handle(client: Socket): void {
      client.on('error', (error) => log.debug({ err: error }, 'a client connection failed'))
      if (clients.size >= limits.connections) {
        overflowed(client)
        return
      }
      clients.set(
        client,
        setTimeout(() => {}, 0),
      )
      client.on('close', () => {
        clearTimeout(clients.get(client))
        clients.delete(client)
      })
      server.emit('connection', client)
      expectHeader(client, limits.headerMs)
    },
    /** Ends every open request and tunnel, and closes every connection. The door itself stays usable. */
    closeAll(why: 'killed' | 'policy-change'): void {
      passages.stopAll(why)
      for (const client of [...clients.keys()]) client.destroy()
    },
    /** To be called when the policy or the identity changed: what is no longer allowed is closed, the rest goes on. */
    rejudge: () => passages.rejudge(),
    connections: () => clients.size,
  }
}
export type Egress = ReturnType<typeof createEgress>

/** What node:http's parser lets through and two servers may yet read differently. */
function refusalOf(request: IncomingMessage, limits: EgressLimits): DenyReason | null {
  const { rawHeaders, headers, httpVersion, url = '' } = request
  if (url.length + headerLength(rawHeaders) > limits.headerBytes) return 'header-too-large'
  const count = (name: string) =>
    rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === name).length
  if (count('host') > 1) return 'host-header-repeated'
  if (count('host') === 0 && httpVersion !== '1.0') return 'host-header-missing'
  const encoding = headers['transfer-encoding']
  if (encoding !== undefined) {
    const plain = encoding.toLowerCase() === 'chunked' && httpVersion === '1.1'
    if (!plain || count('content-length') > 0 || count('transfer-encoding') > 1) return 'framing-ambiguous'
  }
  return count('content-length') > 1 ? 'framing-ambiguous' : null
}
