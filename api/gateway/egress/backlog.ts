import type { AuditEvent } from '../../contract/audit.ts'

const MAX_PENDING = 1000
const AT_ONCE = 50
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 5000

interface BacklogDeps {
  /** False: not stored, to be tried again by the same id. */
  store: (event: AuditEvent) => Promise<boolean>
  /** One event in the place of those that found no room. */
  counted: (lost: number) => AuditEvent
  maxPending?: number
}

/**
 * One sandbox's refusals that the log did not take in time. They are tried until it does, or a sandbox that slows the log
 * down would hide what it was refused. Beyond `maxPending` they are only counted.
 */
export function createBacklog({ store, counted, maxPending = MAX_PENDING }: BacklogDeps) {
  const pending = new Set<AuditEvent>()
  const state = { lost: 0, running: false }

  async function drain() {
    let pauseMs = FIRST_PAUSE_MS
    while (pending.size > 0 || state.lost > 0) {
      await new Promise<void>((done) => setTimeout(done, pauseMs).unref())
      if (pending.size < maxPending && state.lost > 0) {
        pending.add(counted(state.lost))
        state.lost = 0
      }
      const tried = [...pending].slice(0, AT_ONCE)
      const stored = await Promise.all(tried.map(store))
      for (const [index, event] of tried.entries()) if (stored[index]) pending.delete(event)
      pauseMs = stored.includes(true) ? 0 : Math.min(Math.max(pauseMs * 2, FIRST_PAUSE_MS), LONGEST_PAUSE_MS)
    }
    state.running = false
  }

  return function later(event: AuditEvent): void {
    if (pending.size < maxPending) pending.add(event)
    else state.lost++
    if (state.running) return
    state.running = true
    void drain()
  }
}
