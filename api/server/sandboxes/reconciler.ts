import { setTimeout as delay } from 'node:timers/promises'
import { type SandboxId, sandboxId } from '../../contract/ids.ts'
import type { RunnerClient } from '../nodes/runner.ts'
import { type ActionDeps, createActions } from './actions.ts'
import type { Sandboxes } from './sandboxes.ts'

const AGAIN_MS = 1_000
/** The engine tells of a container's end a moment before its own list of containers says so. */
const SETTLED_MS = 500
/** Also when no event comes: something may have been left undone while a program was away. */
const LOOK_EVERY_MS = 30_000

interface ReconcilerDeps extends Omit<ActionDeps, 'isBusy' | 'makeReady'> {
  runner: ActionDeps['runner'] & Pick<RunnerClient, 'events'>
  sandboxes: Sandboxes
}

/**
 * Keeps what the engine has and what the database wants the same: at start, at each event of the runner, and now and then.
 *
 * Longer than 60 lines because all that asks for another look shares the one that is under way.
 */
export function createReconciler(deps: ReconcilerDeps) {
  const { runner, sandboxes, log } = deps
  const { compare, act } = createActions({ ...deps, isBusy: sandboxes.isBusy, makeReady: sandboxes.makeReady })
  const closing = new AbortController()
  const behind = new Set<SandboxId>()
  const state: { running: Promise<void> | null; again: boolean; settling: NodeJS.Timeout | undefined } = {
    running: null,
    again: false,
    settling: undefined,
  }

  /** Its own work is still changing it: looks again behind that. */
  function lookAfter(id: SandboxId): void {
    if (behind.has(id)) return
    behind.add(id)
    void sandboxes.inQueue(id, async () => behind.delete(id)).then(look)
  }

  async function reconcileAll(): Promise<void> {
    for (const { id: raw, action } of await compare()) {
      const id = sandboxId.parse(raw)
      if (sandboxes.isBusy(id)) lookAfter(id)
      else if (action === 'begin-again') sandboxes.makeReady(id)
      else
        sandboxes
          .inQueue(id, () => act(id, action))
          .catch((error) => log.warn({ err: error, sandbox: id, action }, 'not reconciled yet'))
    }
  }

  /** One at a time; what happens during one is looked at right after it. */
  function look(): void {
    state.again = true
    state.running ??= (async () => {
      while (state.again && !closing.signal.aborted) {
        state.again = false
        await reconcileAll().catch((error) =>
          log.warn({ err: error }, 'the engine and the database could not be compared'),
        )
      }
      state.running = null
    })()
  }

  /** Each new connection to the runner may follow a time in which events were missed. */
  async function watch(): Promise<void> {
    while (!closing.signal.aborted) {
      look()
      try {
        for await (const _event of runner.events(closing.signal)) {
          look()
          clearTimeout(state.settling)
          state.settling = setTimeout(look, SETTLED_MS)
        }
      } catch (error) {
        log.debug({ err: error }, 'the runner is away')
      }
      await delay(AGAIN_MS, undefined, { signal: closing.signal }).catch(() => undefined)
    }
  }

  const watching = watch()
  const timer = setInterval(look, LOOK_EVERY_MS)
  return {
    look,
    async close() {
      closing.abort()
      clearInterval(timer)
      await watching
      clearTimeout(state.settling)
      await state.running
    },
  }
}
