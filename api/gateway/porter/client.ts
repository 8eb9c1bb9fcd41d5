import type { Duplex, Readable, Writable } from 'node:stream'
import type { Logger } from 'pino'
import type { z } from 'zod'
import {
  type PorterTerminal,
  type ProbePlan,
  type ProcessInfo,
  type ProcessStart,
  porterHealth,
  porterTerminal,
  type porterTerminalOpen,
  porterTerminals,
  probeResults,
  processInfo,
} from '../../contract/porter.ts'
import { type ExecRequest, execResult } from '../../contract/prototypes.ts'
import { ApiError } from '../../errors.ts'
import { createRateLimiter } from '../../flow/rate-limiter.ts'
import { ask, notConnected, openStream, type PorterRequest, tell } from './request.ts'
import { openSession, type PorterSession } from './session.ts'

/** JSON writes a byte of output as up to six characters (\u0000), and there are two outputs of 1 MiB. */
const EXEC_LIMIT_BYTES = 13_000_000
const EXEC_GRACE_MS = 10_000
const PROBE_TIMEOUT_MS = 20_000

export interface OffsetStream {
  /** Where the first byte stands. */
  offset: number
  stream: Readable
}

const at = (name: string, verb: string, offset?: number) =>
  `/terminals/${encodeURIComponent(name)}${verb}${offset === undefined ? '' : `?offset=${offset}`}`

/**
 * The gateway's side of one sandbox's porter. The newest connection is the one that counts: a porter that was restarted
 * must not wait for its predecessor's connection to be noticed as dead. Whoever else in the sandbox dials this socket
 * takes the sandbox's own terminals away, and nothing more.
 *
 * Every method rejects with ApiError `sandbox_not_ready` while no porter is connected, or when it goes away meanwhile.
 */
export function createPorterClient({ log }: { log: Logger }) {
  let session: PorterSession | null = null
  let closed = false
  const listeners = new Set<() => void>()
  const connections = createRateLimiter({ burst: 50, perSecond: 10 })

  const current = () => {
    if (!session || session.destroyed) throw notConnected()
    return session
  }
  const get = <T>(request: PorterRequest, schema: z.ZodType<T>) => Promise.try(() => ask(current(), request, schema))
  const send = (request: PorterRequest) => Promise.try(() => tell(current(), request))

  async function readFrom(path: string): Promise<OffsetStream> {
    const { stream, status, header } = await openStream(current(), { ':path': path }, { endStream: true })
    const offset = Number(header('x-offset'))
    if (status === 200 && Number.isSafeInteger(offset) && offset >= 0) return { offset, stream }
    stream.destroy()
    throw status === 404
      ? new ApiError('not_found', 'There is no such terminal in this sandbox any more.')
      : notConnected()
  }

  /** Bytes towards the sandbox; the answer comes when it ends and says nothing. */
  function writeTo(path: string): Writable {
    const stream = current().request({ ':method': 'POST', ':path': path }, { endStream: false })
    stream.on('error', () => {})
    stream.resume()
    return stream
  }

  return {
    /** Takes a connection to porter.sock. */
    accept(socket: Duplex) {
      socket.on('error', () => {})
      if (closed || !connections.take()) {
        socket.destroy()
        return
      }
      session?.destroy()
      const mine = openSession(socket, log)
      session = mine
      mine.once('close', () => {
        if (session === mine) session = null
      })
      mine.once('remoteSettings', () => {
        if (session === mine) for (const listener of listeners) listener()
      })
    },
    connected: () => session !== null && !session.destroyed,
    /** Calls `listener` at each new connection, from now on; returns how to stop. */
    onConnect(listener: () => void): () => void {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },

    health: () => get({ method: 'GET', path: '/health' }, porterHealth),
    probe: async (plan: ProbePlan) =>
      get(
        { method: 'POST', path: '/probe', body: { workspaceExec: true, ...plan }, timeoutMs: PROBE_TIMEOUT_MS },
        probeResults,
      ),
    /** Kills the program when `signal` fires or this connection ends. */
    exec: (request: ExecRequest, signal?: AbortSignal) =>
      get(
        {
          method: 'POST',
          path: '/exec',
          body: request,
          timeoutMs: request.timeoutMs + EXEC_GRACE_MS,
          limitBytes: EXEC_LIMIT_BYTES,
          ...(signal ? { signal } : {}),
        },
        execResult,
      ),

    terminals: (signal?: AbortSignal) =>
      get({ method: 'GET', path: '/terminals', ...(signal ? { signal } : {}) }, porterTerminals),
    openTerminal: (body: z.input<typeof porterTerminalOpen>): Promise<PorterTerminal> =>
      get({ method: 'POST', path: '/terminals', body }, porterTerminal),
    resizeTerminal: (name: string, body: { cols: number; rows: number }) =>
      send({ method: 'POST', path: at(name, '/resize'), body }),
    releaseTerminal: (name: string, offset: number) => send({ method: 'POST', path: at(name, '/release', offset) }),
    removeTerminal: (name: string) => send({ method: 'DELETE', path: at(name, '') }),
    terminalOutput: (name: string, offset: number) => readFrom(at(name, '/output', offset)),
    terminalInput: (name: string) => writeTo(at(name, '/input')),

    startProcess: (body: ProcessStart): Promise<ProcessInfo> =>
      get({ method: 'POST', path: '/processes', body }, processInfo),
    process: (pid: number): Promise<ProcessInfo> => get({ method: 'GET', path: `/processes/${pid}` }, processInfo),
    processOutput: (pid: number, which: 'stdout' | 'stderr', offset: number) =>
      readFrom(`/processes/${pid}/${which}?offset=${offset}`),
    /** Ending the stream leaves the program's stdin open, so that the next gateway can go on, unless `end` is asked for. */
    processInput: (pid: number, { end = false } = {}) => writeTo(`/processes/${pid}/stdin${end ? '?end' : ''}`),
    killProcess: (pid: number) => send({ method: 'DELETE', path: `/processes/${pid}` }),

    /** A byte stream to a port in the sandbox. Rejects with `not_found` when nothing listens there. */
    async dial(port: number): Promise<Duplex> {
      const authority = `127.0.0.1:${port}`
      const headers = { ':method': 'CONNECT', ':authority': authority }
      const { stream, status } = await openStream(current(), headers, { endStream: false })
      if (status === 200) return stream
      stream.destroy()
      throw new ApiError('not_found', `Nothing listens on port ${port} in this sandbox.`)
    },
    /** NDJSON of portList. */
    async ports(): Promise<Readable> {
      const { stream } = await openStream(current(), { ':path': '/ports' }, { endStream: true })
      return stream
    },

    async close() {
      closed = true
      session?.destroy()
      session = null
    },
  }
}
export type PorterClient = ReturnType<typeof createPorterClient>
