/** A sandbox's egress door on a unix socket, with an own resolver, an own network and a log that can fail. */
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { createOutbox } from '../../../../../api/audit/outbox.ts'
import type { AuditEvent } from '../../../../../api/contract/audit.ts'
import type { PolicyInForce, RuleInForce } from '../../../../../api/contract/policy.ts'
import { type BudgetLimits, createEventBudget } from '../../../../../api/gateway/budget/budget.ts'
import { dialAddress } from '../../../../../api/gateway/egress/dial.ts'
import type { EgressLimits } from '../../../../../api/gateway/egress/limits.ts'
import { createEgress } from '../../../../../api/gateway/egress/listener.ts'
import type { Resolve } from '../../../../../api/gateway/egress/resolve.ts'
import type { DoorIdentity } from '../../../../../api/gateway/identity.ts'
import { newId } from '../../../../../api/ids.ts'

export const PUBLIC = '93.184.216.34'
const UNTIL_MS = 20_000

export function rule(fields: Partial<RuleInForce> & { host: string }): RuleInForce {
  const protocol = fields.protocol ?? 'tls'
  return {
    id: `test/${fields.host}`,
    ports: [protocol === 'tls' ? 443 : 80],
    methods: null,
    paths: null,
    addresses: [],
    expires: null,
    ...fields,
    protocol,
  }
}

export function policy(egress: RuleInForce[], version = 1): PolicyInForce {
  return {
    name: 'test',
    version,
    hash: '00',
    description: '',
    tools: { allow: [], workspaceExec: true },
    sandbox: { runtime: 'runc', cpus: 1, memoryBytes: 1, diskBytes: 1, pids: 64, perPerson: 1 },
    egress,
    models: {
      default: { cloud: 'none', local: 'none' },
      labels: { public: 'cloud', internal: 'cloud', confidential: 'local', restricted: 'none' },
    },
  }
}

export const identityFor = (inForce: PolicyInForce): DoorIdentity => ({
  sandbox: newId('sb'),
  prototype: newId('pr'),
  person: newId('pe'),
  label: 'internal',
  proving: false,
  policy: inForce,
})

interface WorldOptions {
  rules?: RuleInForce[]
  /** Answers of the resolver; hosts that are not here do not exist. Each look-up takes the next list; the last one stays. */
  answers?: Record<string, string[][]>
  /** Where a judged address really leads, as `address:port` or `*` → a port on loopback. */
  network?: Record<string, number>
  own?: string[]
  /** Instead of `answers`. */
  resolve?: Resolve
  limits?: Partial<EgressLimits>
  /** As the policy says it. */
  events?: PolicyInForce['events']
  budget?: Partial<BudgetLimits>
}

export async function createWorld({
  rules = [],
  answers = {},
  network = {},
  own = [],
  resolve,
  limits = {},
  events: rate,
  budget: budgetLimits = {},
}: WorldOptions) {
  const directory = await mkdtemp(join(tmpdir(), 'egress-'))
  const events: AuditEvent[] = []
  /** In the order in which things happened: `audit:<decision>`, `resolve:<host>`, `dial:<address>:<port>`. */
  const order: string[] = []
  const watchers = new Set<() => void>()
  const inForce = rate ? { ...policy(rules), events: rate } : policy(rules)
  const state = { identity: identityFor(inForce) as DoorIdentity | null, auditUp: true, hold: Promise.resolve() }
  const lookups = new Map<string, number>()
  const errors: unknown[] = []
  const log = pino({ level: 'error' }, { write: (line: string) => void errors.push(line) })

  const append = async (event: AuditEvent) => {
    await new Promise<void>((done) => setImmediate(done))
    order.push('audit…')
    await state.hold
    order.splice(order.indexOf('audit…'), 1)
    if (!state.auditUp) throw new Error('the log is down')
    events.push(event)
    order.push(`audit:${event.kind}:${event.decision}`)
    for (const look of watchers) look()
  }
  const sandbox = { id: state.identity?.sandbox ?? newId('sb'), current: () => state.identity }
  const outbox = createOutbox({ append, log })
  const budget = createEventBudget({ sandbox, outbox, limits: budgetLimits })
  const egress = createEgress({
    sandbox,
    append,
    outbox,
    budget,
    resolve: async (host) => {
      order.push(`resolve:${host}`)
      if (resolve) return resolve(host)
      const rows = answers[host] ?? []
      const turn = lookups.get(host) ?? 0
      lookups.set(host, turn + 1)
      const row = rows[Math.min(turn, rows.length - 1)]
      if (!row) throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' })
      return row
    },
    dial: ({ address, port, timeoutMs }) => {
      order.push(`dial:${address}:${port}`)
      const real = network[`${address}:${port}`] ?? network['*'] ?? 1
      return dialAddress({ address: '127.0.0.1', port: real, timeoutMs })
    },
    own: () => new Set(own),
    limits,
    log,
  })

  const path = join(directory, 'egress.sock')
  const server = createServer({ allowHalfOpen: true, noDelay: true }, egress.handle)
  await new Promise<void>((listening) => server.listen(path, listening))

  return {
    egress,
    /** What is done when a door closes: nothing is counted only after it. */
    async settle() {
      await egress.closeAll('killed')
      budget.close()
      await outbox.flush()
    },
    events,
    order,
    state,
    path,
    errors,
    /** A raw connection to the door. */
    connect: () => connect({ path, allowHalfOpen: true }).on('error', () => {}),
    /** Writes bytes, reads until the gateway closes. */
    raw: (bytes: string | Uint8Array) => exchange(connect({ path, allowHalfOpen: true }), bytes),
    denials: () => events.filter(({ decision }) => decision === 'deny'),
    ends: () => events.filter(({ kind }) => kind === 'egress.ended'),
    /** Resolves as soon as the log satisfies `condition`; rejects after a while, with the condition and what is there. */
    until(condition: (events: AuditEvent[]) => boolean): Promise<void> {
      return new Promise((done, failed) => {
        const late = setTimeout(() => {
          watchers.delete(look)
          const there = events.map(({ kind, decision, reason }) => `${kind} ${decision} ${reason}`)
          failed(new Error(`After ${UNTIL_MS / 1000} s the log does not fit ${condition}. It has: ${there.join(', ')}`))
        }, UNTIL_MS)
        const look = () => {
          if (!condition(events)) return
          watchers.delete(look)
          clearTimeout(late)
          done()
        }
        watchers.add(look)
        look()
      })
    },
    setPolicy(next: RuleInForce[]) {
      if (state.identity)
        state.identity = { ...state.identity, policy: policy(next, state.identity.policy.version + 1) }
      egress.rejudge()
    },
    async close() {
      await egress.closeAll('killed')
      await new Promise<void>((done) => server.close(() => done()))
      await rm(directory, { recursive: true, force: true })
    },
  }
}
export type World = Awaited<ReturnType<typeof createWorld>>

/** Everything that comes until the other side ends or resets. */
export function exchange(socket: Socket, bytes: string | Uint8Array): Promise<string> {
  return new Promise((done) => {
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('error', () => {})
    socket.on('end', () => socket.destroy())
    socket.on('close', () => done(Buffer.concat(chunks).toString('latin1')))
    socket.write(bytes)
  })
}

/** Reads until the text so far satisfies `enough`. */
export function readUntil(socket: Socket, enough: (text: string) => boolean): Promise<string> {
  return new Promise((done, failed) => {
    let text = ''
    const onData = (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (!enough(text)) return
      socket.off('data', onData).off('close', onClose)
      done(text)
    }
    const onClose = () => failed(new Error(`closed after ${JSON.stringify(text.slice(0, 300))}`))
    socket.on('data', onData).on('close', onClose)
    socket.on('error', () => {})
  })
}

export const headEnds = (text: string) => text.includes('\r\n\r\n')
