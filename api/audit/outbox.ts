import type { Logger } from 'pino'
import type { AuditEvent } from '../contract/audit.ts'
import type { Append } from './append.ts'
import { createRetries } from './retries.ts'

/**
 * How long an end may wait for others. A call's end is owed to the log but nobody waits for it, while the next call's intent
 * must be committed before anything leaves: written at once, each end would hold up the next intent by a whole commit.
 */
const GATHER_MS = 20
/** How long closing waits for the log. An end that is still owed then is lost with the program: its intent stays open. */
const FLUSH_MS = 3_000

interface OutboxDeps {
  append: Append
  log: Pick<Logger, 'warn' | 'debug'>
}

interface Owed {
  event: AuditEvent
  /** What else is to be done when the event is in the log. */
  onStored: (() => void) | null
}

/**
 * What one sandbox owes to the log. An event that was handed over is tried until it is stored, by the same id (the log stores
 * an id once), for as long as this program lives. What is owed does not survive a crash; an intent without an end says so.
 */
export function createOutbox({ append, log }: OutboxDeps) {
  const owed = createOwedSet()
  const retries = createRetries<Owed>(async ({ event, onStored }) => {
    const stored = await attempt(event, 'debug')
    if (stored) onStored?.()
    return stored
  })
  const gathering = createGathering(owed, (event) => void send(event))

  async function attempt(event: AuditEvent, level: 'warn' | 'debug'): Promise<boolean> {
    try {
      await append(event)
    } catch (error) {
      const { id, kind, reason } = event
      log[level]({ err: error, event: id, kind, reason }, 'an event is not in the log yet')
      return false
    }
    owed.resolve(event)
    return true
  }

  async function send(event: AuditEvent, onStored?: () => void): Promise<boolean> {
    owed.add(event)
    if (await attempt(event, 'warn')) {
      onStored?.()
      return true
    }
    retries.add({ event, onStored: onStored ?? null })
    return false
  }

  return {
    /**
     * True: it is in the log. False: not in time, so it is written later; `onStored` is called when it is. Nothing is ever
     * dropped here: whoever sends what nobody asked for has to bound it. Of what closes an intent there are no more than
     * intents that became durable, and while the log takes nothing, no new intent passes either.
     */
    send,
    /** The same for an event whose writing nobody waits for. */
    gather: gathering.add,
    /** Resolves when everything so far is in the log, or after three seconds. To be called before the log's writer closes. */
    async flush(): Promise<void> {
      gathering.end()
      retries.hurry()
      await owed.resolved(FLUSH_MS)
    },
  }
}
export type Outbox = ReturnType<typeof createOutbox>

/** Every event that was handed over and is not in the log yet, whether or not it was tried. */
function createOwedSet() {
  const owed = new Set<AuditEvent>()
  const waiting = new Set<(event: AuditEvent) => void>()
  return {
    add: (event: AuditEvent) => void owed.add(event),
    /** It is in the log. */
    resolve(event: AuditEvent) {
      owed.delete(event)
      for (const onResolved of waiting) onResolved(event)
    },
    /** Resolves when all that are owed now are resolved, or after `timeoutMs`. */
    async resolved(timeoutMs: number): Promise<void> {
      const left = new Set(owed)
      if (left.size === 0) return
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, timeoutMs)
      const onResolved = (event: AuditEvent) => {
        left.delete(event)
        if (left.size === 0) resolve()
      }
      waiting.add(onResolved)
      await promise
      waiting.delete(onResolved)
      clearTimeout(timer)
    },
  }
}

function createGathering(owed: Pick<ReturnType<typeof createOwedSet>, 'add'>, send: (event: AuditEvent) => void) {
  const state: { events: AuditEvent[]; timer: NodeJS.Timeout | null } = { events: [], timer: null }
  function end() {
    if (state.timer) clearTimeout(state.timer)
    state.timer = null
    for (const event of state.events.splice(0)) send(event)
  }
  return {
    add(event: AuditEvent): void {
      owed.add(event)
      state.events.push(event)
      state.timer ??= setTimeout(end, GATHER_MS)
    },
    /** Sends what was gathered so far. */
    end,
  }
}
