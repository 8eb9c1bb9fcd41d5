import { setTimeout as wait } from 'node:timers/promises'

const POLL_MS = 20

/** Asks until the answer is not null; rejects with `what` after the timeout. A throw ends it at once. */
export async function until<T>(what: string, ask: () => T | null | Promise<T | null>, timeoutMs = 20_000): Promise<T> {
  for (const end = Date.now() + timeoutMs; Date.now() < end; await wait(POLL_MS)) {
    const answer = await ask()
    if (answer !== null) return answer
  }
  throw new Error(`After ${timeoutMs / 1000} s it is still not so that ${what}`)
}
