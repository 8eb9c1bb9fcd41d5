/** The server's way to the gateway: one method for each verb of contract/gateway.ts, every answer parsed. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import { connect as dial } from 'node:net'
import type { Duplex } from 'node:stream'
import { z } from 'zod'
import { errorBody } from '../../contract/errors.ts'
import { doorOpened, doorStatus, gatewayHealth, type KillOrder } from '../../contract/gateway.ts'
import type { PersonId, SandboxId } from '../../contract/ids.ts'
import { type providerSave, providerTest } from '../../contract/models.ts'
import { type ExecRequest, execResult, proof } from '../../contract/prototypes.ts'
import { terminalInfo, terminalList, type terminalOpen, type terminalSize } from '../../contract/terminal.ts'
import { ApiError } from '../../errors.ts'

const PATIENCE_MS = 15_000
/** A proof tries what must be refused, and some refusals are timeouts. */
const PROOF_PATIENCE_MS = 90_000
/** Per stream and per connection; the default of 64 KiB would pace a terminal's flood by round trips. */
const STREAM_WINDOW_BYTES = 1_048_576
const CONNECTION_WINDOW_BYTES = 16 * 1_048_576
/** Two outputs of 1 MiB, each byte of which JSON may write as six characters. */
const MAX_ANSWER_BYTES = 16 * 1_048_576

interface Call {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  path: string
  body?: unknown
  patienceMs?: number
}

/** One HTTP/2 connection, made when first used and again after it broke. Every method throws ApiError: the gateway's own, or `gateway_unavailable`. */
export function createGatewayClient(socketPath: string) {
  const state: { session: ClientHttp2Session | null } = { session: null }

  function sessionNow(): ClientHttp2Session {
    if (state.session && !state.session.closed && !state.session.destroyed) return state.session
    const session = connect('http://gateway', {
      createConnection: () => dial(socketPath),
      settings: { initialWindowSize: STREAM_WINDOW_BYTES },
    })
    session.once('connect', () => session.setLocalWindowSize(CONNECTION_WINDOW_BYTES))
    const forget = () => {
      if (state.session === session) state.session = null
    }
    session.on('error', forget)
    session.on('goaway', forget)
    session.on('close', forget)
    state.session = session
    return session
  }

  /** Resolves at the answer's head. `json`: the whole body; null: the caller goes on writing. */
  function begin({ method, path, patienceMs = PATIENCE_MS }: Call, json: string | null): Promise<Answer> {
    const type = json === null ? 'application/octet-stream' : 'application/json'
    const headers = { ':method': method, ':path': path, ...(json === '' ? {} : { 'content-type': type }) }
    const stream = sessionNow().request(headers, { endStream: json === '' })
    stream.setTimeout(patienceMs, () => stream.destroy(new Error(`no answer for ${patienceMs / 1000} s`)))
    if (json) stream.end(json)
    return new Promise((resolve, reject) => {
      stream.once('response', (head) =>
        resolve({ stream, status: head[':status'] ?? 0, offset: Number(head['x-offset'] ?? 0) }),
      )
      stream.on('error', (error) => reject(unavailable(error)))
      stream.once('close', () => reject(unavailable(new Error('the connection was closed'))))
    })
  }

  async function ask<T>(schema: z.ZodType<T>, call: Call): Promise<T> {
    const { stream, status } = await begin(call, call.body === undefined ? '' : JSON.stringify(call.body))
    const text = await textOf(stream)
    if (status >= 400) throw refusal(status, text)
    try {
      return schema.parse(text === '' ? undefined : JSON.parse(text))
    } catch (error) {
      // A connection that breaks after our request was sent ends the answer like any other: what is missing shows here.
      throw unavailable(error)
    }
  }

  const door = (id: SandboxId, rest = '') => `/sandboxes/${id}${rest}`
  const terminal = (id: SandboxId, name: string, rest = '') => door(id, `/terminals/${encodeURIComponent(name)}${rest}`)
  const provider = (id: string, rest = '') => `/providers/${encodeURIComponent(id)}${rest}`

  return {
    health: () => ask(gatewayHealth, { method: 'GET', path: '/healthz' }),

    openDoor: (id: SandboxId) => ask(doorOpened, { method: 'PUT', path: door(id) }),
    closeDoor: (id: SandboxId) => ask(nothing, { method: 'DELETE', path: door(id) }),
    doorStatus: (id: SandboxId) => ask(doorStatus, { method: 'GET', path: door(id) }),
    prove: (id: SandboxId) => ask(proof, { method: 'POST', path: door(id, '/prove'), patienceMs: PROOF_PATIENCE_MS }),
    exec: (id: SandboxId, body: ExecRequest) =>
      ask(execResult, { method: 'POST', path: door(id, '/exec'), body, patienceMs: body.timeoutMs + PATIENCE_MS }),

    terminals: (id: SandboxId) => ask(terminalList, { method: 'GET', path: door(id, '/terminals') }),
    openTerminal: (id: SandboxId, body: z.output<typeof terminalOpen>) =>
      ask(terminalInfo, { method: 'POST', path: door(id, '/terminals'), body }),
    resizeTerminal: (id: SandboxId, name: string, body: z.output<typeof terminalSize>) =>
      ask(nothing, { method: 'POST', path: terminal(id, name, '/resize'), body }),
    closeTerminal: (id: SandboxId, name: string) => ask(nothing, { method: 'DELETE', path: terminal(id, name) }),
    /** Write input, read output; `offset` is where the output begins. Destroying it leaves the terminal running. */
    async streamTerminal(id: SandboxId, name: string, from: number | null): Promise<{ offset: number; bytes: Duplex }> {
      const path = terminal(id, name, from === null ? '/stream' : `/stream?offset=${from}`)
      const { stream, status, offset } = await begin({ method: 'POST', path }, null)
      if (status >= 400) throw refusal(status, await textOf(stream.end()))
      stream.setTimeout(0)
      return { offset, bytes: stream }
    },

    kill: (order: KillOrder) => ask(nothing, { method: 'POST', path: '/kill', body: order }),

    /** `by`: the person who is recorded as having done it. */
    saveProvider: (id: string, body: z.output<typeof providerSave>, by: PersonId) =>
      ask(nothing, { method: 'PUT', path: provider(id, `?by=${by}`), body }),
    removeProvider: (id: string, by: PersonId) => ask(nothing, { method: 'DELETE', path: provider(id, `?by=${by}`) }),
    testProvider: (id: string) =>
      ask(providerTest, { method: 'POST', path: provider(id, '/test'), patienceMs: PROOF_PATIENCE_MS }),

    close() {
      state.session?.destroy()
      state.session = null
    },
  }
}
export type GatewayClient = ReturnType<typeof createGatewayClient>

interface Answer {
  stream: ClientHttp2Stream
  status: number
  offset: number
}
/** 204. */
const nothing = z.undefined()

async function textOf(stream: ClientHttp2Stream): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  try {
    for await (const piece of stream) {
      pieces.push(piece)
      bytes += piece.length
      if (bytes > MAX_ANSWER_BYTES) throw new Error('the answer is too long')
    }
  } catch (error) {
    throw unavailable(error)
  }
  return Buffer.concat(pieces).toString('utf8')
}

function refusal(status: number, text: string): ApiError {
  try {
    const { error } = errorBody.parse(JSON.parse(text))
    return new ApiError(error.code, error.message)
  } catch {
    return unavailable(new Error(`status ${status}`))
  }
}

/** What happened is for the log: it may name paths, which are none of a caller's business. */
function unavailable(cause: unknown): ApiError {
  return new ApiError('gateway_unavailable', 'The gateway does not answer. It is restarted by itself; try again.', {
    cause,
  })
}
