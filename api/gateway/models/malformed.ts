import type { Duplex } from 'node:stream'
import type { ModelDenial } from '../../contract/reasons.ts'
import type { RateLimiter } from '../../flow/rate-limiter.ts'
import type { EventBudget } from '../budget/budget.ts'
import { clientOf, pause } from '../budget/client.ts'
import type { SandboxDoor } from '../identity.ts'
import { repeatable } from './events.ts'

const REASON = 'malformed-request' satisfies ModelDenial
const ANSWER = `HTTP/1.1 400 Bad Request\r\nX-Backlot-Reason: ${REASON}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`

interface MalformedDeps {
  sandbox: SandboxDoor
  record: EventBudget['record']
  /** The requests' own: what is no request counts as one. */
  rateLimiter: Pick<RateLimiter, 'take'>
  refusalWaitMs: number
}

/** Bytes on a model socket that are no HTTP request: recorded like any refusal, once for each connection, which is then closed. */
export function createMalformed({ sandbox, record, rateLimiter, refusalWaitMs }: MalformedDeps) {
  const refused = new WeakSet<Duplex>()

  async function refuse(socket: Duplex) {
    if (!rateLimiter.take()) await pause(refusalWaitMs, clientOf(socket))
    // Nothing is done with what came, so a log that is away changes nothing in the answer.
    await record(repeatable(sandbox.id, { reason: REASON, identity: sandbox.current() }))
    socket.end(ANSWER, () => socket.destroy())
  }

  /** `code`: of node:http's parser, HPE_…; anything else is a connection that went away or was too slow. */
  return (code: string, socket: Duplex): void => {
    if (!code.startsWith('HPE_') || code === 'HPE_INVALID_EOF_STATE') return void socket.destroy()
    if (refused.has(socket)) return
    refused.add(socket)
    void refuse(socket)
  }
}
