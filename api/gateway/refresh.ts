import type { Logger } from 'pino'
import type { Doors } from './doors.ts'
import type { Identities } from './identities.ts'

interface RefreshDeps {
  doors: Doors
  identities: Identities
  providers: { refresh(): Promise<void> }
  log: Logger
}

const RETRY_MS = 500

/**
 * Reads the database again whenever it says that something changed, one reading at a time: a change that comes during a
 * reading causes exactly one more. While the database cannot be read the last known state holds; nothing leaves on it
 * anyway, since nothing can be recorded.
 */
export function keepRefreshed({ doors, identities, providers, log }: RefreshDeps) {
  const state: { running: Promise<void> | null; stale: boolean; closed: boolean; swept: boolean } = {
    running: null,
    stale: false,
    closed: false,
    swept: false,
  }

  async function refreshOnce() {
    const [, provided] = await Promise.all([identities.refresh(), Promise.allSettled([providers.refresh()])])
    await doors.reconcile()
    if (provided[0].status === 'rejected') throw provided[0].reason
    if (!state.swept) await doors.sweep()
    state.swept = true
  }

  async function run() {
    while (state.stale && !state.closed) {
      state.stale = false
      try {
        await refreshOnce()
      } catch (error) {
        log.error({ err: error }, 'the state of the sandboxes could not be read; trying again')
        state.stale = true
        await new Promise((again) => setTimeout(again, RETRY_MS).unref())
      }
    }
    state.running = null
  }

  return {
    again() {
      state.stale = true
      state.running ??= run()
    },
    async close() {
      state.closed = true
      await state.running
    },
  }
}
