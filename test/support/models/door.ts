import { createServer, type Server } from 'node:net'
import pino from 'pino'
import { createOutbox } from '../../../api/audit/outbox.ts'
import type { AuditEvent } from '../../../api/contract/audit.ts'
import type { Assignment, Provider } from '../../../api/contract/models.ts'
import type { PolicyInForce } from '../../../api/contract/policy.ts'
import { type BudgetLimits, createEventBudget } from '../../../api/gateway/budget/budget.ts'
import type { DoorIdentity } from '../../../api/gateway/identity.ts'
import { createDemo } from '../../../api/gateway/models/demo/answer.ts'
import { createModels, type ModelsDeps } from '../../../api/gateway/models/listener.ts'

/** A policy that allows nothing but the assigned models. */
export const somePolicy: PolicyInForce = {
  name: 'standard',
  version: 3,
  hash: '0'.repeat(64),
  description: '',
  tools: { allow: [], workspaceExec: true },
  sandbox: { runtime: 'runc', cpus: 1, memoryBytes: 2 ** 31, diskBytes: 2 ** 32, pids: 256, perPerson: 3 },
  egress: [],
  models: {
    default: { cloud: 'assigned', local: 'assigned' },
    labels: { public: 'cloud', internal: 'cloud', confidential: 'local', restricted: 'none' },
  },
}
export const someone: DoorIdentity = {
  sandbox: 'sb_aaaaaaaaaaaaaaaa',
  prototype: 'pr_aaaaaaaaaaaaaaaa',
  person: 'pe_aaaaaaaaaaaaaaaa',
  label: 'internal',
  proving: false,
  policy: somePolicy,
}

interface Given extends Partial<Pick<ModelsDeps, 'append' | 'limits' | 'timeouts' | 'demo'>> {
  providers?: Provider[]
  assignments?: Assignment[]
  keys?: Record<string, string>
  budget?: Partial<BudgetLimits>
}

/** A model socket on a loopback port, with everything behind it real but the log, which is a list. */
export async function openModelDoor({
  providers = [],
  assignments = [],
  keys = {},
  budget: budgetLimits = {},
  ...deps
}: Given = {}) {
  const events: AuditEvent[] = []
  const waiting = new Set<() => void>()
  const world: { who: DoorIdentity | null; providers: Provider[]; assignments: Assignment[] } = {
    who: someone,
    providers,
    assignments,
  }
  const log = pino({ level: 'silent' })
  const append = async (event: AuditEvent) => {
    await deps.append?.(event)
    events.push(event)
    for (const check of waiting) check()
  }
  const sandbox = { id: someone.sandbox, current: () => world.who }
  const outbox = createOutbox({ append, log })
  const budget = createEventBudget({ sandbox, outbox, limits: budgetLimits })
  const models = createModels({
    sandbox,
    providers: {
      catalog: () => ({
        providers: new Map(world.providers.map((each) => [each.id, each])),
        assignments: world.assignments,
      }),
      keyOf: (id) => keys[id] ?? null,
    },
    append,
    outbox,
    budget,
    demo: createDemo(),
    log,
    ...(deps.limits ? { limits: deps.limits } : {}),
    ...(deps.timeouts ? { timeouts: deps.timeouts } : {}),
  })
  const server = createServer({ allowHalfOpen: true }, models.handle)
  const port = await listening(server)

  return {
    models,
    world,
    events,
    port,
    url: `http://127.0.0.1:${port}`,
    post: (path: string, body: unknown, headers: Record<string, string> = {}, signal?: AbortSignal) =>
      fetch(`http://127.0.0.1:${port}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer backlot-placeholder', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
        ...(signal ? { signal } : {}),
      }),
    /** Resolves with the events once there are `count` of a kind. */
    async until(kind: AuditEvent['kind'], count = 1): Promise<AuditEvent[]> {
      const enough = () => events.filter((event) => event.kind === kind).length >= count
      if (!enough())
        await new Promise<void>((done) => {
          const check = () => {
            if (!enough()) return
            waiting.delete(check)
            done()
          }
          waiting.add(check)
        })
      return events.filter((event) => event.kind === kind)
    },
    /** What is done when a door closes: nothing is counted only after it. */
    async settle() {
      await models.closeAll('killed')
      budget.close()
      await outbox.flush()
    },
    async close() {
      await models.closeAll('killed')
      await new Promise((done) => server.close(done))
    },
  }
}
export type ModelDoor = Awaited<ReturnType<typeof openModelDoor>>

async function listening(server: Server): Promise<number> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
