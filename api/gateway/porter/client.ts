import { setTimeout as delay } from 'node:timers/promises'
import type { z } from 'zod'
import {
  type PorterTerminal,
  type ProbePlan,
  porterTerminal,
  type porterTerminalOpen,
  porterTerminals,
  probeResults,
} from '../../contract/programs/porter.ts'
import { createRateLimiter } from '../../flow/rate-limiter.ts'
import { createPorterConnection, type PorterConnectionDeps } from './connection.ts'
import { createExec } from './exec.ts'
import { ask, type PorterRequest, tell } from './request.ts'
import { readFrom, writeTo } from './streams.ts'

const PROBE_TIMEOUT_MS = 20_000
/** A hundred entries with names of 64 characters stay below half of it. */
const LIST_LIMIT_BYTES = 65_536
/** A second; more often asks only a porter whose terminals end, or whose connections break, without pause. */
const LISTS = { burst: 10, perSecond: 5 }

const pathOf = (name: string, verb: string, offset?: number) =>
  `/terminals/${encodeURIComponent(name)}${verb}${offset === undefined ? '' : `?offset=${offset}`}`

/**
 * The gateway's side of one sandbox's porter: what the gateway asks of it (contract/programs/porter.ts). Every request rejects with
 * ApiError `sandbox_not_ready` while no porter is connected, or when it goes away before it has answered.
 */
export function createPorterClient(deps: PorterConnectionDeps) {
  const { session, ...connection } = createPorterConnection(deps)
  const get = <T>(request: PorterRequest, schema: z.ZodType<T>) => Promise.try(() => ask(session(), request, schema))
  const lists = createRateLimiter(LISTS)
  const send = (request: PorterRequest) => Promise.try(() => tell(session(), request))

  return {
    ...connection,

    probe: (plan: ProbePlan) => {
      const body = { workspaceExec: true, ...plan }
      return get({ method: 'POST', path: '/probe', body, timeoutMs: PROBE_TIMEOUT_MS }, probeResults)
    },
    /** Kills the program when `signal` fires or this connection ends. */
    exec: createExec(session),

    terminals: async (signal?: AbortSignal) => {
      const waitMs = lists.reserve()
      if (waitMs > 0) await delay(waitMs, undefined, { ref: false, ...(signal ? { signal } : {}) })
      const request = { method: 'GET', path: '/terminals', limitBytes: LIST_LIMIT_BYTES } as const
      return ask(session(), { ...request, ...(signal ? { signal } : {}) }, porterTerminals)
    },
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
