import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { isListening } from '../../flow/socket-lock.ts'
import type { Store } from '../../store/connect.ts'
import { moveSandboxes, retiredInstances } from './placement.ts'

const AGAIN_MS = 500

interface RetiredDeps {
  db: Store
  gateways: number
  /** What a gateway holds from before its first socket until its process is gone (gateway/start.ts). */
  lockOf: (instance: number) => string
  log: Pick<Logger, 'info' | 'warn'>
}

/**
 * When there are fewer gateways than before, their sandboxes go to the others, who open their doors once the database says
 * so. Only one process may hold a sandbox's sockets: an instance that still lives keeps what it has until it is gone.
 */
export function replaceRetired({ db, gateways, lockOf, log }: RetiredDeps) {
  const closing = new AbortController()

  async function moveAll(): Promise<boolean> {
    const retired = await retiredInstances(db, gateways)
    for (const instance of retired) {
      if (await isListening(lockOf(instance))) continue
      const sandboxes = await moveSandboxes(db, instance, gateways)
      log.info({ instance, sandboxes }, 'the sandboxes of a gateway that is no more have another one')
    }
    return (await retiredInstances(db, gateways)).length === 0
  }

  async function untilMoved(): Promise<void> {
    while (!closing.signal.aborted) {
      const moved = await moveAll().catch((error: unknown) => {
        log.warn({ err: error }, 'sandboxes could not be given to another gateway; trying again')
        return false
      })
      if (moved) return
      await delay(AGAIN_MS, undefined, { signal: closing.signal }).catch(() => {})
    }
  }

  const running = untilMoved()
  return {
    async close() {
      closing.abort()
      await running
    },
  }
}
