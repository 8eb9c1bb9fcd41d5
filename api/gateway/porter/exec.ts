import { type ExecRequest, type ExecResult, execResult } from '../../contract/prototypes.ts'
import { ApiError } from '../../errors.ts'
import { createRoom } from '../../flow/room.ts'
import { ask } from './request.ts'
import type { PorterSession } from './session.ts'

/** JSON writes a byte of output as up to six characters (\u0000), and there are two outputs of 1 MiB. */
const ANSWER_LIMIT_BYTES = 13_000_000
const GRACE_MS = 10_000
/** Of one sandbox: commands that run at once, and what has come of their answers. */
const AT_ONCE = 16
const HELD_BYTES = 2 * ANSWER_LIMIT_BYTES

/** Commands of one sandbox. A command is killed when `signal` fires or the porter's connection ends. */
export function createExec(session: () => PorterSession) {
  const room = createRoom({ heldBytes: HELD_BYTES })
  const running = { count: 0 }

  return async (body: ExecRequest, signal?: AbortSignal): Promise<ExecResult> => {
    if (running.count >= AT_ONCE)
      throw new ApiError(
        'limit_reached',
        `A sandbox runs at most ${AT_ONCE} commands at once. Wait until one has ended.`,
      )
    const held = room.hold()
    running.count += 1
    try {
      const limits = { timeoutMs: body.timeoutMs + GRACE_MS, limitBytes: ANSWER_LIMIT_BYTES, take: held.take }
      const request = { method: 'POST', path: '/exec', body, ...limits, ...(signal ? { signal } : {}) } as const
      return await ask(session(), request, execResult)
    } finally {
      running.count -= 1
      held.release()
    }
  }
}
