/** Events that wait to be committed, each until its deadline. */
const MAX_BATCH = 500

export interface Waiting {
  sandbox: string | null
  body: string
  expiresAt: number
  resolve: () => void
  reject: (error: Error) => void
}

/** `expiryError`: with what an event is rejected that was not committed within `deadlineMs`. */
export function createWaitingEvents(deadlineMs: number, expiryError: () => Error) {
  const state: { queue: Waiting[]; timer: NodeJS.Timeout | null } = { queue: [], timer: null }

  /** The queue is in the order of its deadlines, so the head's is the next. */
  function armDeadline() {
    if (state.timer) clearTimeout(state.timer)
    const [head] = state.queue
    state.timer = head ? setTimeout(expire, Math.max(1, head.expiresAt - performance.now())) : null
  }

  function expire() {
    const now = performance.now()
    const error = expiryError()
    remove(
      state.queue.filter(({ expiresAt }) => expiresAt <= now),
      ({ reject }) => reject(error),
    )
  }

  /** Answering twice does nothing: a deadline may pass while the batch is on its way. */
  function remove(items: readonly Waiting[], answer: (item: Waiting) => void) {
    const answered = new Set(items)
    state.queue = state.queue.filter((item) => !answered.has(item))
    for (const item of items) answer(item)
    armDeadline()
  }

  return {
    /** Settles when `resolve` or `reject` is called for it, or when its deadline has passed. */
    add(sandbox: string | null, body: string): Promise<void> {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      state.queue.push({ sandbox, body, expiresAt: performance.now() + deadlineMs, resolve, reject })
      if (!state.timer) armDeadline()
      return promise
    },
    isEmpty: () => state.queue.length === 0,
    /** They stay in the queue until they are answered. */
    nextBatch: () => fairBatch(state.queue),
    resolve: (items: readonly Waiting[]) => remove(items, ({ resolve }) => resolve()),
    reject: (item: Waiting, error: Error) => remove([item], ({ reject }) => reject(error)),
  }
}

export type WaitingEvents = ReturnType<typeof createWaitingEvents>

/** One of each sandbox at a time, each sandbox's in their order: a flood from one must not let the deadlines of others pass. */
function fairBatch(queue: readonly Waiting[]): Waiting[] {
  if (queue.length <= MAX_BATCH) return [...queue]
  const perSandbox = [...Map.groupBy(queue, ({ sandbox }) => sandbox).values()].map((items) => items.values())
  const batch: Waiting[] = []
  while (batch.length < MAX_BATCH) {
    for (const items of perSandbox) {
      const next = items.next()
      if (!next.done) batch.push(next.value)
    }
  }
  return batch
}
