import type { z } from 'zod'
import {
  type PorterTerminal,
  type ProbePlan,
  porterTerminal,
  type porterTerminalOpen,
  porterTerminals,
  probeResults,
} from '../../contract/programs/porter.ts'
import { type ExecRequest, execResult } from '../../contract/prototypes.ts'
import { createPorterConnection, type PorterConnectionDeps } from './connection.ts'
import { ask, type PorterRequest, tell } from './request.ts'
import { readFrom, writeTo } from './streams.ts'

/** JSON writes a byte of output as up to six characters (\u0000), and there are two outputs of 1 MiB. */
const EXEC_LIMIT_BYTES = 13_000_000
const EXEC_GRACE_MS = 10_000
const PROBE_TIMEOUT_MS = 20_000

const pathOf = (name: string, verb: string, offset?: number) =>
  `/terminals/${encodeURIComponent(name)}${verb}${offset === undefined ? '' : `?offset=${offset}`}`

/**
 * The gateway's side of one sandbox's porter: what the gateway asks of it (contract/programs/porter.ts). Every request rejects with
 * ApiError `sandbox_not_ready` while no porter is connected, or when it goes away before it has answered.
 */
export function createPorterClient(deps: PorterConnectionDeps) {
  const { session, ...connection } = createPorterConnection(deps)
  const get = <T>(request: PorterRequest, schema: z.ZodType<T>) => Promise.try(() => ask(session(), request, schema))
  const send = (request: PorterRequest) => Promise.try(() => tell(session(), request))

  return {
    ...connection,

    probe: (plan: ProbePlan) => {
      const body = { workspaceExec: true, ...plan }
      return get({ method: 'POST', path: '/probe', body, timeoutMs: PROBE_TIMEOUT_MS }, probeResults)
    },
    /** Kills the program when `signal` fires or this connection ends. */
    exec: (body: ExecRequest, signal?: AbortSignal) => {
      const limits = { timeoutMs: body.timeoutMs + EXEC_GRACE_MS, limitBytes: EXEC_LIMIT_BYTES }
      return get({ method: 'POST', path: '/exec', body, ...limits, ...(signal ? { signal } : {}) }, execResult)
    },

    terminals: (signal?: AbortSignal) =>
      get({ method: 'GET', path: '/terminals', ...(signal ? { signal } : {}) }, porterTerminals),
    openTerminal: (body: z.input<typeof porterTerminalOpen>): Promise<PorterTerminal> =>
      get({ method: 'POST', path: '/terminals', body }, porterTerminal),
    resizeTerminal: (name: string, body: { cols: number; rows: number }) =>
      send({ method: 'POST', path: pathOf(name, '/resize'), body }),
    releaseTerminal: (name: string, offset: number) => send({ method: 'POST', path: pathOf(name, '/release', offset) }),
    removeTerminal: (name: string) => send({ method: 'DELETE', path: pathOf(name, '') }),
    terminalOutput: async (name: string, offset: number) => readFrom(session(), pathOf(name, '/output', offset)),
    terminalInput: (name: string) => writeTo(session(), pathOf(name, '/input')),
  }
}
export type PorterClient = ReturnType<typeof createPorterClient>
