import type { AuditEvent, Folded } from '../../contract/audit.ts'

/** For what an event stands: one alone, those at the same target, or those at targets of any number. */
export type StandsFor = { what: 'one' | 'target' | 'many'; folded?: Folded }

/** Something that happened at a sandbox's will, let nothing out, and may happen without end. */
export interface Repeatable {
  /** What makes two of them the same, their target aside: kind, reason, version of the policy. Few, whatever a sandbox does. */
  sort: string
  /** At what it was aimed. A sandbox may think up any number of these. */
  target: string
  /** How many it is; default: one. */
  times?: number
  /** In full where it stands for one, and else with what all of them share. */
  describe(stands: StandsFor): AuditEvent
}

/** Targets of which each has a count of its own; those beyond share one for each sort. */
const MAX_TARGETS = 32

interface Fold {
  what: 'target' | 'many'
  describe: Repeatable['describe']
  times: number
  firstAt: number
  lastAt: number
}

/** Counts what is alike. Exact, and of bounded size: nothing that was counted is lost before it is taken. */
export function createFolds(now: () => number) {
  const folds = new Map<string, Fold>()
  const targets = { count: 0 }

  function foldOf({ sort, target, describe }: Repeatable): { fold: Fold; isNew: boolean } {
    const own = `${sort}\n${target}`
    const found = folds.get(own)
    if (found) return { fold: found, isNew: false }
    const what = targets.count < MAX_TARGETS ? 'target' : 'many'
    const key = what === 'target' ? own : sort
    const shared = folds.get(key)
    if (shared) return { fold: shared, isNew: false }
    if (what === 'target') targets.count++
    const fold = { what, describe, times: 0, firstAt: now(), lastAt: now() } satisfies Fold
    folds.set(key, fold)
    return { fold, isNew: true }
  }

  return {
    /** True, only where `mayWrite`: it is the first at a target of its own, and was not counted: it is to be written by itself. */
    add(what: Repeatable, mayWrite: boolean): boolean {
      const { fold, isNew } = foldOf(what)
      if (mayWrite && isNew && fold.what === 'target') return true
      if (fold.times === 0) fold.firstAt = now()
      fold.times += what.times ?? 1
      fold.lastAt = now()
      return false
    },
    /** What was counted so far, as events. Counting begins anew. */
    take(): AuditEvent[] {
      const taken = [...folds.values()].filter(({ times }) => times > 0)
      folds.clear()
      targets.count = 0
      return taken.map(({ what, describe, times, firstAt, lastAt }) =>
        describe({ what, folded: { times, firstAt, lastAt } }),
      )
    },
  }
}
