import type { Outbox } from '../../audit/outbox.ts'
import { usualEvents } from '../../contract/policy.ts'
import { createRateLimiter } from '../../flow/rate-limiter.ts'
import type { SandboxDoor } from '../identity.ts'
import { type Client, pause } from './client.ts'
import { createFolds, type Repeatable } from './folds.ts'

export interface BudgetLimits {
  /** How long an allowed act waits for its turn before it is refused. */
  waitMs: number
  /** How long what is alike is counted before the count is written. */
  foldMs: number
  /** Part of the burst that repeats leave for what is allowed: past it they are counted. */
  kept: number
  /** Single events that the log has not taken yet; past it they are counted. */
  pending: number
}
const USUAL_LIMITS: BudgetLimits = { waitMs: 10_000, foldMs: 60_000, kept: 0.9, pending: 1_000 }

/** An intent, and the one event that closes it. */
const EVENTS_OF_AN_ACT = 2

interface BudgetDeps {
  sandbox: SandboxDoor
  /** The sandbox's own. */
  outbox: Pick<Outbox, 'send'>
  limits?: Partial<BudgetLimits>
}

/**
 * What one sandbox may write into the log by its own doing: `events` of its policy, as a token bucket. What is allowed is written
 * whole, so past the budget it waits, and then it is refused. What lets nothing out (refusals, a porter that comes and goes) is
 * counted instead, by kind, reason and target: the first of each at once and in full, the others as one event a minute.
 *
 * What people order (commands, terminals) is not counted here: a sandbox does not cause it.
 *
 * A crash loses counts of the last minute, never the first of a target that has a count of its own, nor anything that was let out.
 *
 * Longer than 60 lines because the bucket and the counts are one state.
 */
export function createEventBudget({ sandbox, outbox, limits: given }: BudgetDeps) {
  const limits = { ...USUAL_LIMITS, ...given }
  const folds = createFolds(Date.now)
  const bucket = createBucket(sandbox)
  const state: { timer: NodeJS.Timeout | null; pending: number; counts: number; closed: boolean } = {
    timer: null,
    pending: 0,
    counts: 0,
    closed: false,
  }

  async function write(what: Repeatable): Promise<boolean> {
    const times = what.times ?? 1
    const at = Date.now()
    const event = what.describe(
      times === 1 ? { what: 'one' } : { what: 'one', folded: { times, firstAt: at, lastAt: at } },
    )
    state.pending++
    return outbox.send(event, () => void state.pending--)
  }

  function writeCounts() {
    state.timer = null
    // While the log is away counting goes on, so that what waits for it does not grow.
    if (state.counts > 0 && !state.closed) return countOn()
    for (const event of folds.take()) {
      state.counts++
      bucket.now().limiter.reserve()
      void outbox.send(event, () => void state.counts--)
    }
  }
  function countOn() {
    state.timer ??= setTimeout(writeCounts, limits.foldMs).unref()
  }

  return {
    /**
     * For one allowed act, before its intent: true when there is room for its two events. It may have waited, so whether it is
     * allowed is to be asked again. False: it is to be refused, or its client has left.
     */
    async admit(client: Client): Promise<boolean> {
      const waitMs = bucket.now().limiter.reserveWithin(limits.waitMs, EVENTS_OF_AN_ACT)
      if (waitMs === null) return false
      return waitMs === 0 || pause(waitMs, client)
    },
    /**
     * Records it, or counts it. False: the log could not be written in time; it is written later, and nothing may come of it.
     */
    async record(what: Repeatable): Promise<boolean> {
      const { limiter, burst } = bucket.now()
      const mayWrite = state.pending < limits.pending
      if (state.closed || (mayWrite && limiter.take(1, limits.kept * burst))) return write(what)
      countOn()
      if (!folds.add(what, mayWrite)) return true
      limiter.reserve()
      return write(what)
    },
    /** Writes what was counted. To be called when nothing more can come, and before the outbox is flushed. */
    close(): void {
      state.closed = true
      if (state.timer) clearTimeout(state.timer)
      writeCounts()
    },
  }
}
export type EventBudget = ReturnType<typeof createEventBudget>

/** The bucket of the rate that holds now. Full after a change of the policy; nobody known behind the door is no change. */
function createBucket(sandbox: SandboxDoor) {
  const state = { rate: usualEvents, limiter: createRateLimiter(usualEvents) }
  return {
    now() {
      const identity = sandbox.current()
      const rate = identity === null ? state.rate : (identity.policy.events ?? usualEvents)
      if (rate.burst !== state.rate.burst || rate.perSecond !== state.rate.perSecond)
        state.limiter = createRateLimiter(rate)
      state.rate = rate
      return { limiter: state.limiter, burst: rate.burst }
    },
  }
}
