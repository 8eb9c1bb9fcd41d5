import type { Logger } from 'pino'
import type { AuditEvent } from '../contract/audit.ts'
import type { Append } from './append.ts'

/** How many owed events are tried at the same time. */
const AT_ONCE = 50
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 5_000
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
  /** Every event that was handed over and is not in the log yet, whether or not it was tried. */
  const owed = new Set<AuditEvent>()
  const gathered: AuditEvent[] = []
  const gathering: { timer: NodeJS.Timeout | null } = { timer: null }
  const lanes = new Set<{ sendCount(): void }>()
  const flushes = new Set<(event: AuditEvent) => void>()
  const retries = createRetries(({ event }) => attempt(event, 'debug'))

  function settle(event: AuditEvent) {
    owed.delete(event)
    for (const settled of flushes) settled(event)
  }

  async function attempt(event: AuditEvent, level: 'warn' | 'debug'): Promise<boolean> {
    try {
      await append(event)
    } catch (error) {
      log[level](
        { err: error, event: event.id, kind: event.kind, reason: event.reason },
        'an event is not in the log yet',
      )
      return false
    }
    settle(event)
    return true
  }

  /**
   * For what closes an intent, and so is never dropped: there are no more of these than intents that became durable. True:
   * it is in the log. False: not in time, so it is written later. While the log takes nothing, no new intent passes either.
   */
  async function send(event: AuditEvent): Promise<boolean> {
    owed.add(event)
    if (await attempt(event, 'warn')) return true
    retries.add({ event, onStored: null })
    return false
  }

  function sendGathered() {
    if (gathering.timer) clearTimeout(gathering.timer)
    gathering.timer = null
    for (const event of gathered.splice(0)) void send(event)
  }

  return {
    send,
    /** The same for an event whose writing nobody waits for. */
    gather(event: AuditEvent): void {
      owed.add(event)
      gathered.push(event)
      gathering.timer ??= setTimeout(sendGathered, GATHER_MS)
    },
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
        if (!lane.add(event)) settle(event)
        return false
      }
    },
    /** Resolves when everything so far is in the log, or after three seconds. To be called before the log's writer closes. */
    async flush(): Promise<void> {
      sendGathered()
      for (const lane of lanes) lane.sendCount()
      retries.hurry()
      const waiting = new Set(owed)
      if (waiting.size === 0) return
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, FLUSH_MS)
      const settled = (event: AuditEvent) => {
        waiting.delete(event)
        if (waiting.size === 0) resolve()
      }
      flushes.add(settled)
      await promise
      flushes.delete(settled)
      clearTimeout(timer)
    },
  }
}
export type Outbox = ReturnType<typeof createOutbox>

interface LaneDeps {
  countOf: (lost: number) => AuditEvent
  maxPending: number
  retries: { add(item: Owed): void }
  owed: Set<AuditEvent>
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

/** Tries what is added until `attempt` says that it is stored: a round after each pause, and longer pauses while nothing works. */
function createRetries(attempt: (item: Owed) => Promise<boolean>) {
  const queue: Owed[] = []
  const state: { running: boolean; hurry: (() => void) | null } = { running: false, hurry: null }

  function pause(ms: number) {
    return new Promise<void>((done) => {
      const timer = setTimeout(done, ms).unref()
      state.hurry = () => {
        clearTimeout(timer)
        done()
      }
    })
  }

  async function run() {
    let pauseMs = FIRST_PAUSE_MS
    while (queue.length > 0) {
      await pause(pauseMs)
      const tried = queue.splice(0, AT_ONCE)
      const stored = await Promise.all(tried.map(attempt))
      // Those that failed go to the back: one that the log never takes must not keep the others from being tried.
      for (const [index, item] of tried.entries()) {
        if (stored[index]) item.onStored?.()
        else queue.push(item)
      }
      pauseMs = stored.includes(true) ? 0 : Math.min(Math.max(pauseMs * 2, FIRST_PAUSE_MS), LONGEST_PAUSE_MS)
    }
    state.running = false
  }

  return {
    add(item: Owed) {
      queue.push(item)
      if (state.running) return
      state.running = true
      void run()
    },
    /** Ends the present pause. */
    hurry: () => state.hurry?.(),
  }
}
