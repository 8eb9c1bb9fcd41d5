/** A process of its own: one sandbox's egress and model sockets on loopback ports, with the real log behind them. */
import { type AddressInfo, createServer, connect as dialTcp, type Socket } from 'node:net'
import pino from 'pino'
import { z } from 'zod'
import { createAppender } from '../../api/audit/append.ts'
import { createOutbox } from '../../api/audit/outbox.ts'
import { sandboxId } from '../../api/contract/ids.ts'
import type { PolicyInForce } from '../../api/contract/policy.ts'
import { createEventBudget } from '../../api/gateway/budget/budget.ts'
import { createEgress } from '../../api/gateway/egress/listener.ts'
import type { SandboxDoor } from '../../api/gateway/identity.ts'
import { createDemo } from '../../api/gateway/models/demo/answer.ts'
import { USUAL_LIMITS } from '../../api/gateway/models/limits.ts'
import { createModels } from '../../api/gateway/models/listener.ts'

const given = z
  .object({
    BENCH_SANDBOX: sandboxId,
    BENCH_DATABASE: z.string(),
    BENCH_PORTS: z.string(),
    BENCH_HOST: z.string(),
    BENCH_MODELS: z.string(),
  })
  .parse(process.env)
const ports = given.BENCH_PORTS.split(',').map(Number)
const log = pino({ level: 'silent' })
const appender = createAppender(given.BENCH_DATABASE)
const outbox = createOutbox({ append: appender.append, log })
/** No limit may be what is measured. */
const PLENTY = 1_000_000

const policy: PolicyInForce = {
  name: 'bench',
  version: 1,
  hash: '0'.repeat(64),
  description: '',
  tools: { allow: [], workspaceExec: true },
  sandbox: { runtime: 'runc', cpus: 1, memoryBytes: 2 ** 31, diskBytes: 2 ** 32, pids: 256, perPerson: 3 },
  egress: [
    {
      id: 'bench/0',
      host: given.BENCH_HOST,
      ports,
      protocol: 'tls',
      methods: null,
      paths: null,
      addresses: [],
      expires: null,
    },
  ],
  models: {
    default: { cloud: 'assigned', local: 'assigned' },
    labels: { public: 'cloud', internal: 'cloud', confidential: 'local', restricted: 'none' },
  },
  events: { burst: PLENTY, perSecond: PLENTY },
}
const door: SandboxDoor = {
  id: given.BENCH_SANDBOX,
  current: () => ({
    sandbox: given.BENCH_SANDBOX,
    prototype: 'pr_aaaaaaaaaaaaaaaa',
    person: 'pe_aaaaaaaaaaaaaaaa',
    label: 'internal',
    proving: false,
    policy,
  }),
}

const budget = createEventBudget({ sandbox: door, outbox })
const egress = createEgress({
  sandbox: door,
  budget,
  append: appender.append,
  outbox,
  // A public address by name, loopback in fact: the judge sees what it would see in earnest.
  resolve: async () => ['93.184.216.34'],
  dial: ({ port }) =>
    new Promise<Socket>((resolve, reject) => {
      const socket = dialTcp({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket)).on('error', reject)
    }),
  own: () => new Set(),
  limits: { connections: PLENTY, requestsPerSecond: PLENTY, requestBurst: PLENTY },
  log,
})
const models = createModels({
  sandbox: door,
  budget,
  providers: {
    catalog: () => ({
      providers: new Map([
        ['bench', { id: 'bench', kind: 'openai', baseUrl: given.BENCH_MODELS, hasKey: true, place: 'cloud' }],
      ]),
      assignments: [{ slot: 'cloud', provider: 'bench', model: 'bench' }],
    }),
    keyOf: () => 'bench-key',
  },
  append: appender.append,
  outbox,
  demo: createDemo(),
  log,
  limits: { ...USUAL_LIMITS, burst: PLENTY, perSecond: PLENTY, calls: PLENTY },
})

function listening(handle: (socket: Socket) => void): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, handle).listen(0, '127.0.0.1', () => {
      const address: AddressInfo | string | null = server.address()
      resolve(address !== null && typeof address !== 'string' ? address.port : 0)
    })
  })
}

process.send?.({ egress: await listening(egress.handle), models: await listening(models.handle) })
process.on('disconnect', () => process.exit(0))
