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

export type Transition = { ok: true; state: SandboxState } | { ok: false; reason: string }

export function checkTransition(from: SandboxState, to: SandboxState): Transition {
  if (legalTransitions[from].includes(to)) return { ok: true, state: to }
  return { ok: false, reason: `A sandbox that is ${from} cannot become ${to}.` }
}
