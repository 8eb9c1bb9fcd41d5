/** One thing at a time for each key; different keys go on beside each other. */
export function createTurns<K>() {
  const last = new Map<K, Promise<void>>()
  return {
    take<T>(key: K, work: () => Promise<T>): Promise<T> {
      const result = (last.get(key) ?? Promise.resolve()).then(work)
      const settled: Promise<void> = result.then(
        () => leave(key, settled),
        () => leave(key, settled),
      )
      last.set(key, settled)
      return result
    },
    isTaken: (key: K) => last.has(key),
    /** Resolves when everything that was taken so far has ended. */
    async idle() {
      await Promise.all(last.values())
    },
  }
  function leave(key: K, settled: Promise<void>) {
    if (last.get(key) === settled) last.delete(key)
  }
}
