import type { Logger } from 'pino'
import type { AuditEvent } from '../contract/audit.ts'
import type { Append } from './append.ts'
import { createRetries } from './retries.ts'

/** Refusals of one lane that wait for the log; those beyond it are counted. */
const MAX_PENDING = 1_000
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

/** True: it is in the log. False: not in time, so it is written later, or counted. */
export type SendRefusal = (event: AuditEvent) => Promise<boolean>

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
  const lanes = new Set<{ sendCount(): void }>()
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

  async function send(event: AuditEvent): Promise<boolean> {
    owed.add(event)
    if (await attempt(event, 'warn')) return true
    retries.add({ event, onStored: null })
    return false
  }

  return {
    /**
     * For what closes an intent, and so is never dropped: there are no more of these than intents that became durable. True:
     * it is in the log. False: not in time, so it is written later. While the log takes nothing, no new intent passes either.
     */
    send,
    /** The same for an event whose writing nobody waits for. */
    gather: gathering.add,
    /**
     * A lane for refusals, or a sandbox that slows the log down would hide what it was refused. A sandbox can cause any number
     * of them, so at most `maxPending` wait; of the others one event says how many there were.
     */
    refusals(countOf: (lost: number) => AuditEvent, maxPending = MAX_PENDING): SendRefusal {
      const lane = createLane({ countOf, maxPending, retries, owed })
      lanes.add(lane)
      return async (event) => {
        owed.add(event)
        if (await attempt(event, 'warn')) return true
        if (!lane.add(event)) owed.resolve(event)
        return false
      }
    },
    /** Resolves when everything so far is in the log, or after three seconds. To be called before the log's writer closes. */
    async flush(): Promise<void> {
      gathering.end()
      for (const lane of lanes) lane.sendCount()
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
    /** It is in the log, or counted by another event. */
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

function createGathering(owed: LaneDeps['owed'], send: (event: AuditEvent) => void) {
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

interface LaneDeps {
  countOf: (lost: number) => AuditEvent
  maxPending: number
  retries: { add(item: Owed): void }
  owed: Pick<ReturnType<typeof createOwedSet>, 'add'>
}

function createLane({ countOf, maxPending, retries, owed }: LaneDeps) {
  const state = { pending: 0, lost: 0 }

  function put(event: AuditEvent) {
    state.pending++
    retries.add({ event, onStored })
  }
  function onStored() {
    state.pending--
    if (state.pending < maxPending) sendCount()
  }
  function sendCount() {
    if (state.lost === 0) return
    const event = countOf(state.lost)
    state.lost = 0
    owed.add(event)
    put(event)
  }

  return {
    /** False: there was no room for it, so it is only counted. */
    add(event: AuditEvent): boolean {
      if (state.pending >= maxPending) {
        state.lost++
        return false
      }
      put(event)
      return true
    },
    /** Puts one event in the place of those that were counted, if there are any. */
    sendCount,
  }
}
