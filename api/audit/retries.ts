/** How many are tried at the same time. */
const AT_ONCE = 50
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 5_000

/** Tries what is added until `attempt` says that it went well: a round after each pause, and longer pauses while nothing works. */
export function createRetries<T>(attempt: (item: T) => Promise<boolean>) {
  const queue: T[] = []
  const state: { running: boolean; hurry: (() => void) | null } = { running: false, hurry: null }

  function pause(ms: number) {
    return new Promise<void>((over) => {
      const timer = setTimeout(over, ms).unref()
      state.hurry = () => {
        clearTimeout(timer)
        over()
      }
    })
  }

  async function run() {
    let pauseMs = FIRST_PAUSE_MS
    while (queue.length > 0) {
      await pause(pauseMs)
      const tried = queue.splice(0, AT_ONCE)
      const done = await Promise.all(tried.map(attempt))
      // Those that failed go to the back: one that the log never takes must not keep the others from being tried.
      queue.push(...tried.filter((_, index) => !done[index]))
      pauseMs = done.includes(true) ? 0 : Math.min(Math.max(pauseMs * 2, FIRST_PAUSE_MS), LONGEST_PAUSE_MS)
    }
    state.running = false
  }

  return {
    add(item: T) {
      queue.push(item)
      if (state.running) return
      state.running = true
      void run()
    },
    /** Ends the present pause. */
    hurry: () => state.hurry?.(),
  }
}
