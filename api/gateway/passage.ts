import type { Logger } from 'pino'
import type { Append } from '../audit/append.ts'
import type { AuditEvent } from '../contract/audit.ts'
import type { OUTCOMES } from '../contract/reasons.ts'
import type { DoorIdentity, SandboxDoor } from './identity.ts'

export type Outcome = (typeof OUTCOMES)[number]
/** Why the gateway itself ends what is under way. */
export type Stop = Extract<Outcome, 'policy-change' | 'killed' | 'limit'>

/** The state of one allowed act. */
export type PassageState<O extends Outcome = Outcome> =
  /** Its intent is on its way to the log. */
  | { is: 'judged' }
  /** The intent is durable, and nothing has left. */
  | { is: 'intended' }
  /** Something may have left. */
  | { is: 'acting' }
  /** Stopped from here; whoever acts has yet to say that it ended. */
  | { is: 'stopping'; why: Stop; intent: 'pending' | 'durable' }
  /** `owed`: the intent is still on its way, and its end is written as soon as it is durable. */
  | { is: 'over'; outcome: O | Stop | 'denied' | 'unrecorded'; owed: boolean }

export type PassageEvent<O extends Outcome = Outcome> =
  /** The intent is committed, or could not be in time. */
  | { type: 'recorded' }
  | { type: 'unrecorded' }
  | { type: 'act' }
  | { type: 'stop'; why: Stop }
  | { type: 'end'; outcome: O | Stop }
  | { type: 'deny' }

/** What the caller of `transition` has to do: cut the act off, or write the one event that closes the intent. */
type Effect = 'cut' | 'write-end' | 'write-denial' | null

interface Step<O extends Outcome> {
  state: PassageState<O>
  effect: Effect
}

/**
 * intent → act → end. Each durable intent is closed by exactly one event, whatever comes together with what: the first end,
 * denial or stop decides, and a stop that came first is the outcome whatever the act says of itself afterwards.
 */
export function transition<O extends Outcome>(state: PassageState<O>, event: PassageEvent<O>): Step<O> {
  if (state.is === 'over') {
    if (!state.owed || (event.type !== 'recorded' && event.type !== 'unrecorded')) return { state, effect: null }
    // Stopped or ended while the intent was being committed: nothing left, and the log says so, if it has the intent.
    return { state: { ...state, owed: false }, effect: event.type === 'recorded' ? 'write-end' : null }
  }
  const intent = state.is === 'judged' ? 'pending' : state.is === 'stopping' ? state.intent : 'durable'
  switch (event.type) {
    case 'recorded':
      if (intent === 'durable') return { state, effect: null }
      return { state: state.is === 'stopping' ? { ...state, intent: 'durable' } : { is: 'intended' }, effect: null }
    case 'unrecorded':
      if (intent === 'durable') return { state, effect: null }
      return { state: { is: 'over', outcome: 'unrecorded', owed: false }, effect: null }
    case 'act':
      return { state: state.is === 'intended' ? { is: 'acting' } : state, effect: null }
    case 'stop':
      if (state.is === 'stopping') return { state, effect: null }
      return { state: { is: 'stopping', why: event.why, intent }, effect: 'cut' }
    case 'end': {
      const outcome = state.is === 'stopping' ? state.why : event.outcome
      const owed = intent === 'pending'
      return { state: { is: 'over', outcome, owed }, effect: owed ? null : 'write-end' }
    }
    case 'deny':
      return { state: { is: 'over', outcome: 'denied', owed: false }, effect: 'write-denial' }
  }
}

/** What differs from one kind of act to the next. */
interface Act<O extends Outcome> {
  identity: DoorIdentity
  /** Whether what was decided would be decided again for whoever is behind the door now; asked at each change. */
  stillAllowed(now: DoorIdentity): boolean
  /** Called once, when it is stopped from here. Whoever acts has to unwind, and then to call `end`. */
  cut(why: Stop): void
  /** The event that closes the intent. */
  describeEnd(outcome: O | Stop): AuditEvent
  /** When the policy's own grant ends, ms since the epoch. */
  endsAtMs?: number | null
  /** The longest that it may last. */
  limitMs?: number
}

interface PassagesDeps {
  sandbox: SandboxDoor
  append: Append
  /** Writes the event that closes an intent, however long that takes; see audit/outbox.ts. */
  sendEnd: (event: AuditEvent) => unknown
  log: Pick<Logger, 'warn' | 'error'>
}

/** A passage as its registry sees it. */
interface Entry {
  stop(why: Stop): void
  stillAllowed(now: DoorIdentity | null): boolean
}

/**
 * Everything that one sandbox was allowed and that is not over, from its decision on: so a kill, a change of policy or a limit
 * covers it also while its intent is being committed. A crash after the intent leaves an intent without an end: something may
 * have left. An intent that could not be recorded in time may still turn up in the log, and looks the same; nothing left then.
 */
export function createPassages({ sandbox, ...deps }: PassagesDeps) {
  const open = new Set<Entry>()
  return {
    /** To be called as soon as it was decided that it is allowed. */
    begin: <O extends Outcome>(act: Act<O>): Passage<O> => beginPassage(act, { ...deps, open }),
    size: () => open.size,
    stopAll(why: Stop) {
      for (const { stop } of [...open]) stop(why)
    },
    /** To be called when the policy or the identity changed: what would no longer be allowed is stopped, the rest goes on. */
    rejudge() {
      const now = sandbox.current()
      for (const { stop, stillAllowed } of [...open]) if (!stillAllowed(now)) stop('policy-change')
    },
  }
}
export type Passages = ReturnType<typeof createPassages>

export interface Passage<O extends Outcome> {
  state(): PassageState<O>
  /** Whether its intent is durable and nothing has stopped or ended it; to be asked after every wait. */
  goesOn(): boolean
  /** Resolves when the intent is durable. False: it could not be recorded in time, so nothing may happen. */
  intend(intent: AuditEvent): Promise<boolean>
  /** To be asked right before the first byte leaves. False: it was stopped, and nothing may leave. */
  act(): boolean
  /** Counts the first time only. It is recorded then, or as soon as the intent is durable. */
  end(outcome: O | Stop): void
  /** For what is seen only after the intent. True: it was not over, and the caller has to write the denial that closes the intent. */
  deny(): boolean
}

function beginPassage<O extends Outcome>(
  act: Act<O>,
  { append, sendEnd, log, open }: Omit<PassagesDeps, 'sandbox'> & { open: Set<Entry> },
): Passage<O> {
  const box: { state: PassageState<O> } = { state: { is: 'judged' } }
  const entry: Entry = {
    stop: (why) => void apply({ type: 'stop', why }),
    stillAllowed: (now) => isSame(now, act.identity) && act.stillAllowed(now),
  }
  const timer = stopInTime(act, entry.stop)
  open.add(entry)

  function apply(event: PassageEvent<O>): Effect {
    const { state, effect } = transition(box.state, event)
    box.state = state
    if (state.is === 'over') {
      clearTimeout(timer)
      open.delete(entry)
    }
    if (effect === 'cut' && state.is === 'stopping') act.cut(state.why)
    if (effect === 'write-end' && state.is === 'over') writeEnd(state.outcome)
    return effect
  }
  function writeEnd(outcome: (PassageState<O> & { is: 'over' })['outcome']) {
    if (outcome === 'denied' || outcome === 'unrecorded') return
    try {
      sendEnd(act.describeEnd(outcome))
    } catch (error) {
      // Often called from a listener, where nobody would catch it.
      log.error({ err: error }, 'the end of an allowed act could not be described')
    }
  }

  return {
    state: () => box.state,
    goesOn: () => box.state.is === 'intended' || box.state.is === 'acting',
    async intend(intent) {
      try {
        await append(intent)
      } catch (error) {
        log.warn({ err: error, kind: intent.kind }, 'an intent could not be recorded in time')
        apply({ type: 'unrecorded' })
        return false
      }
      apply({ type: 'recorded' })
      return true
    },
    act() {
      apply({ type: 'act' })
      return box.state.is === 'acting'
    },
    end: (outcome) => void apply({ type: 'end', outcome }),
    deny: () => apply({ type: 'deny' }) === 'write-denial',
  }
}

const isSame = (now: DoorIdentity | null, before: DoorIdentity): now is DoorIdentity =>
  now !== null && now.person === before.person && now.prototype === before.prototype

/** Whichever comes first: the end of the policy's grant, or the longest that it may last. */
function stopInTime({ endsAtMs, limitMs }: Pick<Act<never>, 'endsAtMs' | 'limitMs'>, stop: (why: Stop) => void) {
  const grantMs = endsAtMs == null ? Number.POSITIVE_INFINITY : endsAtMs - Date.now()
  const longestMs = limitMs ?? Number.POSITIVE_INFINITY
  const inMs = Math.min(grantMs, longestMs)
  if (inMs === Number.POSITIVE_INFINITY) return undefined
  return setTimeout(() => stop(grantMs < longestMs ? 'policy-change' : 'limit'), inMs).unref()
}
