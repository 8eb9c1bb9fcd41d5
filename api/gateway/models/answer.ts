import type { IncomingMessage, ServerResponse } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createKeyedQueue } from '../../flow/keyed-queue.ts'
import type { RateLimiter } from '../../flow/rate-limiter.ts'
import { createRoom, type Held } from '../../flow/room.ts'
import { clientOf, pause } from '../budget/client.ts'
import type { SandboxDoor } from '../identity.ts'
import { NO_IDENTITY, type ReadCall } from './call.ts'
import type { ModelLimits } from './limits.ts'
import type { Refuse } from './refuse.ts'
import { type ReadRequest, readBody, readRequest } from './wire/body.ts'
import { MODEL_LIST, type Refusal, refusal, routeOf, shapeOf } from './wire/formats.ts'
import { serverSideRefusal } from './wire/server-side.ts'

/** What costs as much of the rate as one request more: each takes a few ms of the thread that all sandboxes share. */
const BYTES_PER_TOKEN = 524_288
const VALUES_PER_TOKEN = 2_000

interface AnswererDeps {
  sandbox: SandboxDoor
  limits: ModelLimits
  rateLimiter: RateLimiter
  refuse: Refuse
  call(given: ReadCall): Promise<void>
}

/** For each request of one sandbox: limits → the path as it came → the body → what it would make the provider do → the call. */
export function createAnswerer({ sandbox, limits, rateLimiter, refuse, call }: AnswererDeps) {
  const room = createRoom(limits)
  const readHeld = createReader(limits, rateLimiter)

  /** `underWay`: requests of this sandbox that are being read or answered, this one included. */
  return async function answer(request: IncomingMessage, response: ServerResponse, underWay: number): Promise<void> {
    const target = request.url ?? ''
    const identity = sandbox.current()
    const shape = shapeOf(target, request.headers['anthropic-version'] !== undefined)
    const refuseBy = (refused: Refusal, format = shape, alias: string | null = null) =>
      refuse(response, refused, { identity, format, path: target, alias })

    if (!rateLimiter.take()) {
      await pause(limits.refusalWaitMs, clientOf(response))
      return refuseBy(TOO_FAST)
    }
    if (!identity) return refuseBy(NO_IDENTITY)
    if (underWay > limits.calls || request.socket.destroyed) return refuseBy(tooManyCalls(limits.calls))
    const route = routeOf(request.method ?? '', target)
    if (route.to === 'refused') return refuseBy(route.refusal)
    if (route.to === 'list') {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(MODEL_LIST)
      return
    }
    const { format, path } = route
    const held = room.hold()
    try {
      const read = await readHeld(request, held)
      if (read === null) return
      if ('status' in read) {
        held.release()
        return await refuseBy(read, format)
      }
      const refused = serverSideRefusal(format, read.body)
      if (refused) return await refuseBy(refused, format, read.body.model)
      await call({ request, response, format, path, read })
    } finally {
      held.release()
    }
  }
}
const TOO_FAST = refusal(429, 'rate-limit', 'Too many model requests in a short time. Wait a second and try again.')
const tooManyCalls = (calls: number) =>
  refusal(429, 'too-many-calls', `At most ${calls} model requests may run at one time. Wait for one to end.`)

function createReader(limits: ModelLimits, rateLimiter: RateLimiter) {
  const parsing = createKeyedQueue<'body'>()

  /** Null: the client went away. */
  return async function readHeld(request: IncomingMessage, held: Held): Promise<ReadRequest | Refusal | null> {
    if (request.headers['content-encoding']) return refusal(415, 'body-encoded', 'Send the request body uncompressed.')
    const { bodyBytes: maxBytes, bodyTimeoutMs: timeoutMs } = limits
    const bytes = await readBody(request, { maxBytes, timeoutMs, take: held.take })
    rateLimiter.reserve(Math.floor(held.bytes() / BYTES_PER_TOKEN))
    if (bytes === null || 'status' in bytes) return bytes
    // One body for each turn of the event loop, so that other sandboxes are served between two of them.
    return parsing.run('body', async () => {
      await nextTurn()
      return readRequest(bytes, (values) => rateLimiter.reserve(Math.floor(values / VALUES_PER_TOKEN)))
    })
  }
}
