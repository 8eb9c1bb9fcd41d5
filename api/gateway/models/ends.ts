import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { AuditEvent } from '../../contract/audit.ts'

/**
 * How long an end may wait for others. A call's end is owed to the log but nobody waits for it, while the next call's intent
 * must be committed before anything leaves: written at once, each end would hold up the next intent by a whole commit.
 */
const GATHER_MS = 20
/** How long to wait before an end is written again, when the log did not take it. */
const RETRY_MS = 1_000
/** How long closing waits for the log. What is still open then has its intent in the log, and no end. */
const SETTLE_MS = 3_000

/** Writes the ends of calls that have happened: for as long as this program lives, each once (its id makes a repetition harmless). */
export function createEnds(append: (event: AuditEvent) => Promise<void>, log: Logger) {
  const state: { gathered: AuditEvent[]; timer: NodeJS.Timeout | null } = { gathered: [], timer: null }
  const writing = new Set<Promise<void>>()

  function flush() {
    if (state.timer) clearTimeout(state.timer)
    state.timer = null
    for (const event of state.gathered.splice(0)) {
      const written = write(event).finally(() => writing.delete(written))
      writing.add(written)
    }
  }
  async function write(event: AuditEvent): Promise<void> {
    for (;;) {
      try {
        return await append(event)
      } catch (error) {
        log.warn({ err: error, event: event.id }, 'the end of a model call is not in the log yet')
        await wait(RETRY_MS, undefined, { ref: false })
      }
    }
  }

  return {
    record(event: AuditEvent) {
      state.gathered.push(event)
      state.timer ??= setTimeout(flush, GATHER_MS)
    },
    /** Resolves when everything recorded so far is durable, or after three seconds. */
    async settle(): Promise<void> {
      flush()
      const over = new AbortController()
      const limit = wait(SETTLE_MS, undefined, { signal: over.signal }).catch(() => undefined)
      await Promise.race([Promise.all(writing), limit])
      over.abort()
    },
  }
}
