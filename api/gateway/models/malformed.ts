import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { auditEvent } from '../../audit/event.ts'
import type { AuditEvent } from '../../contract/audit.ts'
import type { RateLimiter } from '../../flow/rate-limiter.ts'
import type { SandboxDoor } from '../identity.ts'
import { identityOf } from './identity.ts'

const REASON = 'malformed-request'
const ANSWER = `HTTP/1.1 400 Bad Request\r\nX-Backlot-Reason: ${REASON}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`

interface MalformedDeps {
  door: SandboxDoor
  append: (event: AuditEvent) => Promise<void>
  /** The requests' own: what is no request counts as one. */
  rate: Pick<RateLimiter, 'take'>
  refusalWaitMs: number
}

/** What came on a model socket and was no request: it is written down like any refusal, once for a connection, and the connection is closed. */
export function createMalformed({ door, append, rate, refusalWaitMs }: MalformedDeps) {
  const refused = new WeakSet<Duplex>()

  async function refuse(socket: Duplex) {
    if (!rate.take()) await wait(refusalWaitMs)
    const who = door.current()
    const event = auditEvent('model.request', {
      ...(who ? identityOf(who) : { actor: { type: 'sandbox', id: door.id }, sandbox: door.id }),
      decision: 'deny',
      reason: REASON,
      correlation: randomUUID(),
      detail: { path: '', alias: null, provider: null, model: null },
    })
    // Nothing is done with what came, so a log that is away changes nothing but the record.
    await append(event).catch(() => undefined)
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
