/**
 * What the engine has against what the database wants, as a list of actions: pure, so that every pair is a row in a test.
 * Nothing is guessed: a container that nobody wants is removed, a wanted one that is gone is marked lost, and what was under
 * way starts again (creating is idempotent by id).
 */

import type { RunnerSandbox } from '../../contract/programs/runner.ts'
import type { SandboxState } from '../../contract/prototypes.ts'

export type Wanted = { id: string; state: SandboxState }
export type Action = {
  id: string
  /**
   * `begin-again`: build, create, prove from the top. `make-anew`: the same, but what there is was made by another version of
   * its policy, and goes first. `restart`: for one that people worked in. `prove-again`: its
   * container was started behind our back. `lost` and `stopped`: only the row changes.
   */
  action:
    | 'remove'
    | 'restart'
    | 'prove-again'
    | 'stop'
    | 'pause'
    | 'unpause'
    | 'begin-again'
    | 'make-anew'
    | 'lost'
    | 'stopped'
}
type Engine = RunnerSandbox['state'] | 'gone'

const underWay = { gone: 'begin-again', created: 'begin-again', running: 'begin-again', paused: 'begin-again' } as const
const live = { gone: 'lost', created: 'restart', running: null, paused: 'unpause', exited: 'restart' } as const
const unwanted = { gone: null, created: 'remove', running: 'remove', paused: 'remove', exited: 'remove' } as const

/** Row state × engine state. `null`: they agree. */
const table: Record<SandboxState, Record<Engine, Action['action'] | null>> = {
  building: {
    gone: 'begin-again',
    created: 'make-anew',
    running: 'make-anew',
    paused: 'make-anew',
    exited: 'make-anew',
  },
  starting: { ...underWay, exited: 'begin-again' },
  proving: { ...underWay, exited: 'begin-again' },
  ready: live,
  claimed: live,
  paused: { gone: 'lost', created: 'stopped', running: 'pause', paused: null, exited: 'stopped' },
  stopped: { gone: 'lost', created: null, running: 'stop', paused: 'stop', exited: null },
  failed: unwanted,
  lost: unwanted,
  removed: unwanted,
}

/** Orphans first, so that their memory is free before anything starts. */
export function reconcile(engine: readonly RunnerSandbox[], wanted: readonly Wanted[]): Action[] {
  const has = new Map(engine.map(({ id, state }) => [String(id), state]))
  const known = new Set(wanted.map(({ id }) => id))
  const orphans: Action[] = engine.filter(({ id }) => !known.has(id)).map(({ id }) => ({ id, action: 'remove' }))
  const rows = wanted.flatMap(({ id, state }): Action[] => {
    const action = table[state][has.get(id) ?? 'gone']
    return action === null ? [] : [{ id, action }]
  })
  const first = rows.filter(({ action }) => action === 'remove')
  return [...orphans, ...first, ...rows.filter(({ action }) => action !== 'remove')]
}
