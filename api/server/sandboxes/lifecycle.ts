/** The life of a sandbox: every legal transition, in one table. Whoever changes a row's state asks here first. */
import type { SandboxState } from '../../contract/prototypes.ts'

export const legalTransitions: Record<SandboxState, readonly SandboxState[]> = {
  building: ['starting', 'failed', 'removed'],
  /** Back to `building`, here and below, when its policy changed in a way that takes another container. */
  starting: ['building', 'proving', 'failed', 'lost', 'removed'],
  /** Straight to `claimed` when a sandbox that already belongs to somebody is proven again. */
  proving: ['building', 'ready', 'claimed', 'failed', 'lost', 'removed'],
  ready: ['building', 'claimed', 'starting', 'proving', 'stopped', 'failed', 'lost', 'removed'],
  /** Back to `starting` when its container ended by itself: what was proven holds for one start of it. */
  claimed: ['building', 'paused', 'stopped', 'starting', 'proving', 'failed', 'lost', 'removed'],
  paused: ['claimed', 'stopped', 'failed', 'lost', 'removed'],
  stopped: ['starting', 'failed', 'lost', 'removed'],
  failed: ['building', 'removed'],
  lost: ['building', 'removed'],
  removed: [],
}

const GETTING_READY: readonly SandboxState[] = ['building', 'starting', 'proving']
const DOWN: readonly SandboxState[] = ['stopped', 'failed', 'lost', 'removed']

/** Under way to people. */
export const isGettingReady = (state: SandboxState) => GETTING_READY.includes(state)
/** Nothing of it runs, or ought to. */
export const isDown = (state: SandboxState) => DOWN.includes(state)
/** A sandbox that was never ready has nothing to keep: it counts as failed, and can be started from the beginning. */
export const stoppedFrom = (state: SandboxState): SandboxState => (GETTING_READY.includes(state) ? 'failed' : 'stopped')
/** Whether this begins another start of it, and not the next step of one. */
export const beginsStart = (from: SandboxState, to: SandboxState) =>
  (to === 'building' || to === 'starting') && !GETTING_READY.includes(from)
/** What a hold allows: to go down, and to be found so. Being deleted would destroy what the hold is there to keep. */
export const isAllowedOnHold = (to: SandboxState) => to !== 'removed' && isDown(to)

export type Transition = { ok: true; state: SandboxState } | { ok: false; reason: string }

export function checkTransition(from: SandboxState, to: SandboxState): Transition {
  if (legalTransitions[from].includes(to)) return { ok: true, state: to }
  return { ok: false, reason: `A sandbox that is ${from} cannot become ${to}.` }
}
