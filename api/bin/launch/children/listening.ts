import { setTimeout as wait } from 'node:timers/promises'
import { isListening } from '../../../flow/socket-lock.ts'

const POLL_MS = 40

/**
 * Resolves once somebody accepts connections on that unix socket.
 *
 * @param failed asked again and again: a reason to stop waiting, or null.
 */
export async function untilListening(socketPath: string, timeoutMs: number, failed: () => string | null) {
  for (const end = Date.now() + timeoutMs; Date.now() < end; await wait(POLL_MS)) {
    if (await isListening(socketPath)) return
    const why = failed()
    if (why !== null) throw new Error(why)
  }
  throw new Error(`nothing listens on ${socketPath} after ${timeoutMs / 1000} s`)
}
