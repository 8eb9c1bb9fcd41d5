/** What the porter can do and the gateway does not ask for yet: processes, ports, its own state. Asked as the gateway would. */
import { chmod, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { Duplex, Readable } from 'node:stream'
import pino from 'pino'
import {
  type ProcessInfo,
  type ProcessStart,
  porterHealth,
  processInfo,
} from '../../../api/contract/programs/porter.ts'
import { type ExecRequest, execResult } from '../../../api/contract/prototypes.ts'
import { ApiError } from '../../../api/errors.ts'
import { createPorterConnection } from '../../../api/gateway/porter/connection.ts'
import { ask, tell } from '../../../api/gateway/porter/request.ts'
import { openStream, readFrom, writeTo } from '../../../api/gateway/porter/streams.ts'

/** Listens where a porter dials, in the gateway's place. Resolves when one is connected. */
export async function porterSession(socketPath: string) {
  const connection = createPorterConnection({
    log: pino({ level: 'silent' }),
    isClaimed: () => false,
    onEvent: () => {},
  })
  const { session } = connection
  const connected = new Promise<void>((resolve) => connection.onConnect(resolve))
  const server = createServer({ noDelay: true, allowHalfOpen: true }, connection.accept)
  await rm(socketPath, { force: true })
  await new Promise<void>((listening) => server.listen(socketPath, listening))
  // The user in a container is not ours.
  await chmod(socketPath, 0o666)
  await connected

  return {
    health: async () => ask(session(), { method: 'GET', path: '/health' }, porterHealth),
    exec: async (body: ExecRequest) => ask(session(), { method: 'POST', path: '/exec', body }, execResult),

    startProcess: async (body: ProcessStart): Promise<ProcessInfo> =>
      ask(session(), { method: 'POST', path: '/processes', body }, processInfo),
    process: async (pid: number): Promise<ProcessInfo> =>
      ask(session(), { method: 'GET', path: `/processes/${pid}` }, processInfo),
    processOutput: async (pid: number, which: 'stdout' | 'stderr', offset: number) =>
      readFrom(session(), `/processes/${pid}/${which}?offset=${offset}`),
    /** Ending the stream leaves the program's stdin open, so that the next gateway can go on, unless `end` is asked for. */
    processInput: (pid: number, { end = false } = {}) =>
      writeTo(session(), `/processes/${pid}/stdin${end ? '?end' : ''}`),
    killProcess: async (pid: number) => tell(session(), { method: 'DELETE', path: `/processes/${pid}` }),

    /** A byte stream to a port in the sandbox. Rejects with `not_found` when nothing listens there. */
    async dial(port: number): Promise<Duplex> {
      const headers = { ':method': 'CONNECT', ':authority': `127.0.0.1:${port}` }
      const { stream, status } = await openStream(session(), headers, { endStream: false })
      if (status === 200) return stream
      stream.destroy()
      throw new ApiError('not_found', `Nothing listens on port ${port} in this sandbox.`)
    },
    /** NDJSON of portList. */
    async ports(): Promise<Readable> {
      const { stream } = await openStream(session(), { ':path': '/ports' }, { endStream: true })
      return stream
    },

    async close() {
      await connection.close()
      await new Promise((closed) => server.close(closed))
    },
  }
}
