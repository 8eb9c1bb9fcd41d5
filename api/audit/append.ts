import { setTimeout as delay } from 'node:timers/promises'
import type { Transaction } from 'kysely'
import type { AuditEvent } from '../contract/audit.ts'
import type { Database } from '../store/tables.ts'
import { canonicalJson } from './canonical.ts'
import { createWriter, isRowsFault } from './writer.ts'

/** Resolves when the event is committed. Rejects when it could not be in time: what it announces must then not happen. */
export type Append = (event: AuditEvent) => Promise<void>

/** The event could not be made durable in time. What it announces must not happen. */
export class AuditUnavailable extends Error {
  constructor(cause?: unknown) {
    super('The audit log cannot be written, so this was not done.', { cause })
    this.name = 'AuditUnavailable'
  }
}

const MAX_BATCH = 500
const FIRST_PAUSE_MS = 20
const MAX_PAUSE_MS = 500

interface Waiting {
  sandbox: string | null
  body: string
  expiresAt: number
  resolve: () => void
  reject: (error: Error) => void
}

/**
 * The group-committing writer: one connection; whatever arrives while a batch commits is the next batch, in fair parts. `append` resolves
 * when the event is committed, and not before. It rejects with AuditUnavailable after `deadlineMs`; the event may still
 * turn up in the log then (what was lost may be the answer), never the other way round. A batch whose fate is unknown is
 * sent again with the same ids, which the database stores once.
 */
export function createAppender(databaseUrl: string, { deadlineMs = 3_000 } = {}) {
  const state: { queue: Waiting[]; running: Promise<void> | null; timer: NodeJS.Timeout | null; failure: unknown } = {
    queue: [],
    running: null,
    timer: null,
    failure: new Error('not connected yet'),
  }
  const closing = new AbortController()
  const writer = createWriter(databaseUrl, deadlineMs, (error) => {
    state.failure = error
    run()
  })

  function run() {
    state.running ??= drain()
  }

  /** Until nothing waits and the database answers: an empty batch is how an idle appender finds out. */
  async function drain() {
    let pauseMs = FIRST_PAUSE_MS
    while (state.queue.length > 0 || (state.failure !== null && !closing.signal.aborted)) {
      try {
        await writeBatch(fairBatch(state.queue))
        state.failure = null
        pauseMs = FIRST_PAUSE_MS
      } catch (error) {
        state.failure = error
        await delay(pauseMs, null, { signal: closing.signal }).catch(() => {})
        pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)
      }
    }
    // In the same turn as the last look at the queue: an event that comes later starts the next run.
    state.running = null
  }

  /** One event that the database refuses must not hold up the others: each is then written alone. */
  async function writeBatch(batch: Waiting[]): Promise<void> {
    try {
      await writer.write(batch.map(({ body }) => body))
      settle(batch, ({ resolve }) => resolve())
    } catch (error) {
      if (!isRowsFault(error)) throw error
      const [only] = batch
      if (batch.length === 1 && only) settle([only], ({ reject }) => reject(new AuditUnavailable(error)))
      else for (const item of batch) await writeBatch([item])
    }
  }

  /** Settling twice does nothing: a deadline may pass while the batch is on its way. */
  function settle(items: Waiting[], how: (item: Waiting) => void) {
    const settled = new Set(items)
    state.queue = state.queue.filter((item) => !settled.has(item))
    for (const item of items) how(item)
    armDeadline()
  }

  /** The queue is in the order of its deadlines, so the head's is the next. */
  function armDeadline() {
    if (state.timer) clearTimeout(state.timer)
    const [head] = state.queue
    state.timer = head ? setTimeout(expire, Math.max(1, head.expiresAt - performance.now())) : null
  }
  function expire() {
    const now = performance.now()
    state.failure ??= new Error('not committed in time')
    settle(
      state.queue.filter(({ expiresAt }) => expiresAt <= now),
      ({ reject }) => reject(new AuditUnavailable(state.failure)),
    )
  }

  run()
  return {
    /** Throws at once, and records nothing, when the event cannot be written as canonical JSON. */
    async append(event: AuditEvent): Promise<void> {
      if (closing.signal.aborted) throw new AuditUnavailable()
      const body = canonicalJson(event)
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      state.queue.push({ sandbox: event.sandbox, body, expiresAt: performance.now() + deadlineMs, resolve, reject })
      if (!state.timer) armDeadline()
      run()
      return promise
    },
    /** False until the first connection, and from a failed write until the database answers again. */
    healthy: () => state.failure === null,
    /** Waits for what was accepted, at most its deadline, then closes the connection. */
    async close() {
      closing.abort()
      await state.running
      writer.close()
    },
  }
}
export type Appender = ReturnType<typeof createAppender>

/** One of each sandbox in turn, each sandbox's in their order: a flood from one must not let the deadlines of others pass. */
function fairBatch(queue: readonly Waiting[]): Waiting[] {
  if (queue.length <= MAX_BATCH) return [...queue]
  const turns = [...Map.groupBy(queue, ({ sandbox }) => sandbox).values()].map((items) => items.values())
  const batch: Waiting[] = []
  while (batch.length < MAX_BATCH) {
    for (const turn of turns) {
      const next = turn.next()
      if (!next.done) batch.push(next.value)
    }
  }
  return batch
}

/** In the transaction that changes the state that the event describes: both are committed, or neither is. */
export async function appendIn(transaction: Transaction<Database>, event: AuditEvent): Promise<void> {
  await transaction
    .insertInto('audit_events')
    .values({ body: canonicalJson(event) })
    .execute()
}
