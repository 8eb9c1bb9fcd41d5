/** The server's way to one instance of the gateway: one method for each verb of contract/programs/gateway.ts, every answer parsed. */
import type { Duplex } from 'node:stream'
import { z } from 'zod'
import type { PersonId, SandboxId } from '../../contract/ids.ts'
import { type providerSave, providerTest } from '../../contract/models.ts'
import { doorOpened, doorStatus, gatewayHealth, type KillOrder } from '../../contract/programs/gateway.ts'
import { type ExecRequest, execResult, proof } from '../../contract/prototypes.ts'
import {
  terminalInfo,
  terminalList,
  type terminalOpen,
  type terminalSize,
  type terminalsEnd,
} from '../../contract/terminal.ts'
import { createConnection, PATIENCE_MS } from './gateway-connection.ts'

/** A proof waits for the porter, up to a minute, and tries what must be refused; some refusals are timeouts. */
const PROOF_PATIENCE_MS = 90_000
/** One that hangs is killed after two seconds; who asks all of them must not wait for it longer than that. */
const HEALTH_PATIENCE_MS = 1_500
const KILL_PATIENCE_MS = 3_000
/** 204. */
const nothing = z.undefined()

const door = (id: SandboxId, rest = '') => `/sandboxes/${id}${rest}`
const terminal = (id: SandboxId, name: string, rest = '') => door(id, `/terminals/${encodeURIComponent(name)}${rest}`)
const provider = (id: string, rest = '') => `/providers/${encodeURIComponent(id)}${rest}`

/** Every method throws ApiError: the gateway's own, or `gateway_unavailable`. */
export function createGatewayClient(socketPath: string) {
  const { ask, open, close } = createConnection(socketPath)

  return {
    health: () => ask(gatewayHealth, { method: 'GET', path: '/healthz', patienceMs: HEALTH_PATIENCE_MS }),

    openDoor: (id: SandboxId) => ask(doorOpened, { method: 'PUT', path: door(id) }),
    closeDoor: (id: SandboxId) => ask(nothing, { method: 'DELETE', path: door(id) }),
    doorStatus: (id: SandboxId) => ask(doorStatus, { method: 'GET', path: door(id) }),
    /** Ends when `signal` fires, though no porter may have come yet. */
    prove: (id: SandboxId, signal?: AbortSignal) => {
      const call = { method: 'POST', path: door(id, '/prove'), patienceMs: PROOF_PATIENCE_MS } as const
      return ask(proof, { ...call, ...(signal ? { signal } : {}) })
    },
    /** The command is killed when `signal` fires. */
    exec: (id: SandboxId, body: ExecRequest, signal?: AbortSignal) => {
      const call = { method: 'POST', path: door(id, '/exec'), body, patienceMs: body.timeoutMs + PATIENCE_MS } as const
      return ask(execResult, { ...call, ...(signal ? { signal } : {}) })
    },

    terminals: (id: SandboxId) => ask(terminalList, { method: 'GET', path: door(id, '/terminals') }),
    openTerminal: (id: SandboxId, body: z.output<typeof terminalOpen>) =>
      ask(terminalInfo, { method: 'POST', path: door(id, '/terminals'), body }),
    resizeTerminal: (id: SandboxId, name: string, body: z.output<typeof terminalSize>) =>
      ask(nothing, { method: 'POST', path: terminal(id, name, '/resize'), body }),
    /** Those that run end, and whoever looks at one reads `why`. */
    endTerminals: (id: SandboxId, body: z.output<typeof terminalsEnd>) =>
      ask(nothing, { method: 'POST', path: door(id, '/terminals/end'), body }),
    closeTerminal: (id: SandboxId, name: string) => ask(nothing, { method: 'DELETE', path: terminal(id, name) }),
    /** Write input, read output; `offset` is where the output begins. Destroying it leaves the terminal running. */
    streamTerminal: (id: SandboxId, name: string, from: number | null): Promise<{ offset: number; bytes: Duplex }> =>
      open({ method: 'POST', path: terminal(id, name, from === null ? '/stream' : `/stream?offset=${from}`) }),

    kill: (order: KillOrder) =>
      ask(nothing, { method: 'POST', path: '/kill', body: order, patienceMs: KILL_PATIENCE_MS }),

    /** `by`: the person who is recorded as having done it. */
    saveProvider: (id: string, body: z.output<typeof providerSave>, by: PersonId) =>
      ask(nothing, { method: 'PUT', path: provider(id, `?by=${by}`), body }),
    removeProvider: (id: string, by: PersonId) => ask(nothing, { method: 'DELETE', path: provider(id, `?by=${by}`) }),
    testProvider: (id: string, by: PersonId) =>
      ask(providerTest, { method: 'POST', path: provider(id, `/test?by=${by}`), patienceMs: PROOF_PATIENCE_MS }),

    close,
  }
}
export type GatewayClient = ReturnType<typeof createGatewayClient>
