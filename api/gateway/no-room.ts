import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import type { Append } from '../audit/append.ts'
import { createCountedRefusals } from '../audit/counted.ts'
import { auditEvent } from '../audit/event.ts'
import type { DetailOf } from '../contract/audit.ts'
import { createRateLimiter } from '../flow/rate-limiter.ts'
import type { Gauge } from '../room/gauge.ts'
import { policyOf, type SandboxDoor } from './identity.ts'

type Way = DetailOf<'sandbox.refused'>['socket']

/** Beyond this a connection is closed without words: a program that tries again and again reads none. */
const ANSWERS = { burst: 20, perSecond: 5 }
/** For whoever was still sending. */
const DRAIN_MS = 1_000

interface NoRoomDeps {
  sandbox: SandboxDoor
  gauge: Pick<Gauge, 'room' | 'isLow'>
  append: Append
  log: Pick<Logger, 'warn'>
}

/**
 * Stands in front of a sandbox's way out. While the disk has only its reserve left, nothing that a sandbox sends is read, so
 * that nothing of it has to be recorded: the log gets one event a minute that counts what was refused. A proof goes through:
 * it is Backlot's own, and nobody works in the sandbox yet.
 */
export function createNoRoom({ sandbox, gauge, append, log }: NoRoomDeps) {
  const answers = createRateLimiter(ANSWERS)
  const refused = createCountedRefusals<Way>({
    append,
    keyOf: (way) => way,
    eventOf: (way, times) => describe(sandbox, way, times),
    onFailure: (error) => log.warn({ err: error }, 'what was refused for want of room is not in the log yet'),
  })
  const isShut = () => gauge.isLow() && sandbox.current()?.proving !== true

  function refuse(way: Way, socket: Socket): void {
    socket.on('error', () => {})
    refused.record(way).catch((error) => log.warn({ err: error }, 'a refusal could not be described'))
    if (!answers.take()) return void socket.destroy()
    socket.setTimeout(DRAIN_MS, () => socket.destroy())
    setTimeout(() => socket.destroy(), DRAIN_MS).unref()
    socket.resume()
    socket.end(answerOf(gauge.room().words ?? ''))
  }

  return {
    isShut,
    guard:
      (way: Way, handle: (socket: Socket) => void) =>
      (socket: Socket): void =>
        isShut() ? refuse(way, socket) : handle(socket),
    close: refused.close,
  }
}

/** In the form that model clients know; others show the text as it is. */
function answerOf(words: string): string {
  const body = `${JSON.stringify({ error: { code: 'no-room', type: 'no-room', message: `Refused by Backlot: ${words}` } })}\n`
  const head = [
    'HTTP/1.1 507 Refused by Backlot (no-room)',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'X-Backlot-Reason: no-room',
    'Cache-Control: no-store',
    'Connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

function describe(sandbox: SandboxDoor, way: Way, times: number) {
  const identity = sandbox.current()
  return auditEvent('sandbox.refused', {
    actor: { type: 'sandbox', id: sandbox.id },
    person: identity?.person ?? null,
    prototype: identity?.prototype ?? null,
    sandbox: sandbox.id,
    policy: policyOf(identity),
    decision: 'deny',
    reason: 'no-room',
    detail: { socket: way, times },
  })
}
