/** Work of one key runs one after the other, whether what came before went well or not; other keys run beside it. */
export function createKeyedQueue<K>() {
  const last = new Map<K, Promise<void>>()

  const leave = (key: K, ended: Promise<void>) => {
    if (last.get(key) === ended) last.delete(key)
  }

  return {
    /** Resolves or rejects as `work` does. */
    run<T>(key: K, work: () => Promise<T>): Promise<T> {
      const result = (last.get(key) ?? Promise.resolve()).then(work)
      const ended: Promise<void> = result.then(
        () => leave(key, ended),
        () => leave(key, ended),
      )
      last.set(key, ended)
      return result
    },
    isBusy: (key: K) => last.has(key),
    /** Resolves when everything that was queued so far has ended. */
    async idle() {
      await Promise.all(last.values())
    },
  }
}
export type KeyedQueue<K> = ReturnType<typeof createKeyedQueue<K>>
