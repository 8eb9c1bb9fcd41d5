import { createServer, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import type { EgressDenial } from '../../contract/reasons.ts'
import { createFairShare } from '../../flow/fair-share.ts'
import { createRateLimiter } from '../../flow/rate-limiter.ts'
import type { SandboxDoor } from '../identity.ts'
import { answerFor, rawAnswer } from './denial.ts'
import { forward, refuseRequest } from './forward.ts'
import { headerLength } from './headers.ts'
import { DEFAULT_LIMITS, type EgressLimits } from './limits.ts'
import { createPassages, type Dial } from './passage.ts'
import { type Append, createRecorder } from './record.ts'
import type { Resolve } from './resolve.ts'
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

interface Client {
  timer: NodeJS.Timeout | undefined
  /** Its bytes did not parse; what still comes is not looked at. */
  refused: boolean
  /** Those that were not answered to the end; more than one when the client pipelines. */
  requests: Set<IncomingMessage>
}

/** llhttp's error codes; what is not here is `malformed-request`. */
const PARSE_REASONS: Record<string, EgressDenial> = {
  HPE_HEADER_OVERFLOW: 'header-too-large',
  HPE_PAUSED_H2_UPGRADE: 'http2-preface',
  HPE_INVALID_METHOD: 'not-http',
  HPE_INVALID_CONTENT_LENGTH: 'framing-ambiguous',
  HPE_UNEXPECTED_CONTENT_LENGTH: 'framing-ambiguous',
  HPE_INVALID_TRANSFER_ENCODING: 'framing-ambiguous',
  ERR_HTTP_REQUEST_TIMEOUT: 'header-timeout',
}
/** Client went away in the middle of a header: nothing was asked, nobody hears an answer. */
const GONE = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'HPE_INVALID_EOF_STATE'])
/** Requests that one connection may have sent ahead of their answers. */
const MAX_PIPELINED = 32

/**
 * The explicit proxy behind one sandbox's egress.sock: CONNECT and absolute-form HTTP/1.1. It shares nothing with another
 * sandbox's: connections, limits and pace are its own.
 */
export function createEgress({ sandbox, append, resolve, dial, own, limits: given, log }: EgressDeps) {
  const limits: EgressLimits = { ...DEFAULT_LIMITS, ...given }
  const record = createRecorder({ sandbox, append, log })
  const passages = createPassages({ sandbox, record, resolve, dial, own, limits, log })
  const rate = createRateLimiter({ burst: limits.requestBurst, perSecond: limits.requestsPerSecond })
  const share = createFairShare()
  const clients = new Map<Socket, Client>()
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
  function expectHeader(socket: Socket, withinMs: number) {
    const client = clients.get(socket)
    if (!client || client.requests.size > 0) return
    clearTimeout(client.timer)
    client.timer = setTimeout(() => void shielded(refuseRaw(socket, 'header-timeout', null), socket), withinMs).unref()
  }

  /** For bytes that are no request. The rest of the connection cannot be understood either, so it ends here. */
  async function refuseRaw(socket: Socket, reason: EgressDenial, raw: Buffer | null) {
    const client = clients.get(socket)
    if (!client || client.refused) return
    client.refused = true
    clearTimeout(client.timer)
    const { answer } = await passages.refuse({ reason, method: '', raw: raw === null ? '' : escapedRaw(raw) })
    // In the middle of other answers no words can be put.
    if (client.requests.size > 0) socket.destroy()
    else finish(socket, rawAnswer(answer))
  }

  for (const event of ['request', 'checkContinue', 'checkExpectation'] as const) {
    server.on(event, (request: IncomingMessage, response) => {
      const { socket } = request
      const client = clients.get(socket)
      clearTimeout(client?.timer)
      client?.requests.add(request)
      response.on('close', () => {
        client?.requests.delete(request)
        expectHeader(socket, limits.keepAliveMs + limits.headerMs)
      })
      if (!client || client.requests.size > MAX_PIPELINED) {
        void shielded(refuseRaw(socket, 'too-many-connections', null), socket)
        return
      }
      const handled = async () => {
        const reason = event === 'checkExpectation' ? 'expectation-unknown' : refusalOf(request, limits)
        // Its body may not parse either; that is then the same refusal.
        if (reason && !request.complete) client.refused = true
        if (reason) return refuseRequest({ request, response }, passages, reason)
        await rate.wait()
        return forward({ request, response }, passages, limits, share)
      }
      void shielded(handled(), socket)
    })
  }
  for (const event of ['connect', 'upgrade'] as const) {
    server.on(event, (request: IncomingMessage, _stream, head: Buffer) => {
      const { socket, headers, method = '', url = '' } = request
      const client = clients.get(socket)
      clearTimeout(client?.timer)
      // Pipelined behind others: their answers and the tunnel's bytes would mix.
      const alone = client !== undefined && client.requests.size === 0
      const handled = async () => {
        const reason = event === 'upgrade' ? 'upgrade-not-allowed' : refusalOf(request, limits)
        if (alone && !reason) {
          await rate.wait()
          return tunnel({ client: socket, head, url, headers }, passages, limits, share)
        }
        const raw = escapedRaw(`${method} ${url}`)
        const { answer } = await passages.refuse({ reason: reason ?? 'malformed-request', method, raw })
        if (alone) finish(socket, rawAnswer(answer, headers))
        else socket.destroy()
      }
      void shielded(handled(), socket)
    })
  }
  server.on('clientError', (error: Error & { code?: string; rawPacket?: Buffer }, client) => {
    const socket = [...clients.keys()].find((one) => one === client)
    if (!socket || GONE.has(error.code ?? '')) return client.destroy()
    const known = clients.get(socket)
    if (!known || known.refused) return
    // The body of a request that has events of its own: whoever handles it sees the connection's end.
    if ([...known.requests].some(({ complete }) => !complete)) return socket.destroy()
    const handled = async () => {
      const raw = error.rawPacket ?? null
      const inLine = error.code === 'HPE_INVALID_URL' && raw ? refusalInLine(raw) : null
      await refuseRaw(socket, PARSE_REASONS[error.code ?? ''] ?? inLine ?? 'malformed-request', raw)
    }
    void shielded(handled(), socket)
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
      void shielded(passages.refuse({ reason: 'too-many-connections', method: '', raw }), client)
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
      client.setMaxListeners(MAX_PIPELINED + 20)
      clients.set(client, { timer: undefined, refused: false, requests: new Set() })
      client.on('close', () => {
        clearTimeout(clients.get(client)?.timer)
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

/** What node:http's parser lets through and two servers may yet read differently. */
function refusalOf(request: IncomingMessage, limits: EgressLimits): EgressDenial | null {
  const { rawHeaders, headers, httpVersion, url = '' } = request
  if (url.length + headerLength(rawHeaders) > limits.headerBytes) return 'header-too-large'
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return 'malformed-request'
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
