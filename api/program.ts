import type { Logger } from 'pino'

/** Longest that closing may take before the program ends anyway, in ms. Below the launcher's own patience. */
const CLOSE_TIMEOUT_MS = 8_000

/** What the launcher asks over IPC, and what it is told. */
export const HEARTBEAT = { ask: 'beat?', answer: 'beat' } as const

/** From here on the launcher knows that this program's event loop turns. Call it when starting is over. */
export function answerHeartbeats(): void {
  process.on('message', (message) => {
    if (message === HEARTBEAT.ask) process.send?.(HEARTBEAT.answer)
  })
}

/**
 * What each of the three programs does about its own end: SIGTERM and SIGINT close it in order; a broken invariant ends
 * it at once with 1, and the launcher starts it again: a program in an unknown state must not go on judging.
 */
export function endWith(close: () => Promise<void>, log: Logger): void {
  const state = { closing: false }
  const stop = (signal: string) => {
    if (state.closing) return
    state.closing = true
    log.info({ signal }, 'closing')
    const timer = setTimeout(() => process.exit(1), CLOSE_TIMEOUT_MS)
    timer.unref()
    close().then(
      () => process.exit(0),
      (error) => {
        log.error({ err: error }, 'could not close in order')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGINT', () => stop('SIGINT'))
  const broken = (error: unknown) => {
    log.fatal({ err: error }, 'a broken invariant: this program ends')
    process.exit(1)
  }
  process.on('uncaughtException', broken)
  process.on('unhandledRejection', broken)
}
