import { setTimeout as delay, setImmediate } from 'node:timers/promises'
import type { Transaction } from 'kysely'
import type { AuditEvent } from '../contract/audit.ts'
import type { Database } from '../store/tables.ts'
import { canonicalJson } from './canonical.ts'
import { createWaitingEvents, type Waiting, type WaitingEvents } from './waiting.ts'
import { createWriter, isRowsFault, type Writer } from './writer.ts'

/** Resolves when the event is committed. Rejects when it could not be in time: what it announces must then not happen. */
export type Append = (event: AuditEvent) => Promise<void>

/** The event could not be made durable in time. What it announces must not happen. */
export class AuditUnavailable extends Error {
  constructor(cause?: unknown) {
    super('The audit log cannot be written, so this was not done.', { cause })
    this.name = 'AuditUnavailable'
  }
}

const FIRST_PAUSE_MS = 20
const MAX_PAUSE_MS = 500

/**
 * The group-committing writer: one connection; whatever arrives while a batch commits is the next batch, in fair parts. `append` resolves
 * when the event is committed, and not before. It rejects with AuditUnavailable after `deadlineMs`; the event may still
 * turn up in the log then (what was lost may be the answer), never the other way round. A batch whose fate is unknown is
 * sent again with the same ids, which the database stores once.
 *
 * Longer than 60 lines because the queue, the batch in flight and the deadline are one state.
 */
export function createAppender(databaseUrl: string, { deadlineMs = 3_000 } = {}) {
  const state: { running: Promise<void> | null; failure: unknown; refused: string | null } = {
    running: null,
    /** The first event of the last batch that was tried. */
    refused: null,
    failure: new Error('not connected yet'),
  }
  const closing = new AbortController()
  const waiting = createWaitingEvents(deadlineMs, () => {
    state.failure ??= new Error('not committed in time')
    return new AuditUnavailable(state.failure)
  })
  const writer = createWriter(databaseUrl, deadlineMs, (error) => {
    state.failure = error
    run()
  })

  function run() {
    state.running ??= drain()
  }

  /** Until nothing waits and the database takes events again; an idle appender finds that out by trying the last one that failed. */
  async function drain() {
    let pauseMs = FIRST_PAUSE_MS
    // Whoever waited for one commit asks for the next in the same turn: the first of them must not go alone.
    await setImmediate()
    while (!waiting.isEmpty() || (state.failure !== null && !closing.signal.aborted)) {
      try {
        const batch = waiting.nextBatch()
        if (batch.length === 0) await writer.tryWrite(state.refused)
        else {
          state.refused = batch[0]?.body ?? null
          await writeBatch(writer, waiting, batch)
        }
        state.failure = null
        pauseMs = FIRST_PAUSE_MS
      } catch (error) {
        state.failure = error
        await delay(pauseMs, null, { signal: closing.signal }).catch(() => {})
        pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)
      }
    }
    // In the same tick as the last look at the queue: an event that comes later starts the next run.
    state.running = null
  }

  /** Throws at once, and records nothing, when the event cannot be written as canonical JSON. */
  const append: Append = async (event) => {
    if (closing.signal.aborted) throw new AuditUnavailable()
    const committed = waiting.add(event.sandbox, canonicalJson(event))
    run()
    return committed
  }

  run()
  return {
    append,
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
/** One event that the database refuses must not hold up the others: each is then written alone. */
async function writeBatch(writer: Writer, waiting: WaitingEvents, batch: readonly Waiting[]): Promise<void> {
  try {
    await writer.write(batch.map(({ body }) => body))
    waiting.resolve(batch)
  } catch (error) {
    if (!isRowsFault(error)) throw error
    const [only] = batch
    if (batch.length === 1 && only) waiting.reject(only, new AuditUnavailable(error))
    else for (const item of batch) await writeBatch(writer, waiting, [item])
  }
}

export type Appender = ReturnType<typeof createAppender>

/** In the transaction that changes the state that the event describes: both are committed, or neither is. */
export async function appendIn(transaction: Transaction<Database>, event: AuditEvent): Promise<void> {
  await transaction
    .insertInto('audit_events')
    .values({ body: canonicalJson(event) })
    .execute()
}
