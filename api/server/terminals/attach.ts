import type { FastifyRequest } from 'fastify'
import type { WebSocket } from 'ws'
import { z } from 'zod'
import type { Append } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import { type SandboxId, sandboxId, slug } from '../../contract/ids.ts'
import { type ServerFrame, terminalInfo, terminalSize } from '../../contract/terminal.ts'
import { ApiError } from '../../errors.ts'
import { type AskedBy, askedBy } from '../http/route.ts'
import type { GatewayClient } from '../nodes/gateway.ts'
import type { Claimed } from '../sandboxes/claimed.ts'
import { join, sendFrame } from './socket.ts'

const TRY_AGAIN_LATER = 1013

export interface AttachDeps {
  gateway: Pick<GatewayClient, 'terminals' | 'openTerminal' | 'resizeTerminal' | 'streamTerminal'>
  /** Throws where nobody may work in this sandbox now. */
  claimed(id: SandboxId): Promise<Claimed>
  append: Append
}

const size = terminalSize.shape
export const terminalParams = z.strictObject({ id: sandboxId, name: slug })
export const attachQuery = z.strictObject({
  ticket: z.string().max(100),
  offset: z.coerce.number().int().nonnegative().optional(),
  cols: z.coerce.number().pipe(size.cols).default(80),
  rows: z.coerce.number().pipe(size.rows).default(24),
})
type Params = z.output<typeof terminalParams>
type Query = z.output<typeof attachQuery>

/** Joins an accepted WebSocket with the terminal that it asks for, which is opened when it is not there. */
export function attachSocket(
  deps: AttachDeps,
  socket: WebSocket,
  request: FastifyRequest & { params: Params; query: Query },
): void {
  const { params, query } = request
  const { gateway } = deps
  // What the browser sends before the terminal is there waits in the kernel.
  socket.pause()
  socket.on('error', () => socket.terminate())
  attachTerminal(deps, params, query, askedBy(request))
    .then(({ offset, bytes, info }) => {
      if (socket.readyState !== socket.OPEN) return bytes.destroy()
      sendFrame(socket, { type: 'ready', offset, cols: info.cols, rows: info.rows })
      join({
        socket,
        bytes,
        onFrame: ({ cols, rows }) =>
          void gateway.resizeTerminal(params.id, params.name, { cols, rows }).catch(() => {}),
        lastFrame: () => lastFrame(gateway, params),
      })
      socket.resume()
    })
    .catch((error: unknown) => {
      request.log.debug({ err: error }, 'a terminal could not be attached')
      sendFrame(socket, { type: 'error', message: messageOf(error) })
      socket.resume()
      socket.close(TRY_AGAIN_LATER)
    })
}

/** Nothing of the terminal is shown before it is recorded that somebody looks at it. */
async function attachTerminal(
  { gateway, claimed, append }: AttachDeps,
  { id, name }: Params,
  { offset, cols, rows }: Query,
  asked: AskedBy,
) {
  const where = await claimed(id)
  const info = await gateway.openTerminal(id, { name, cols, rows })
  const stream = await gateway.streamTerminal(id, name, offset ?? null)
  const detail = { terminal: name, offset: stream.offset }
  const event = { ...asked, ...where, decision: 'info', reason: 'terminal-attached', detail } as const
  try {
    await append(auditEvent('terminal.attached', event))
  } catch (error) {
    stream.bytes.destroy()
    throw error
  }
  if (info.cols !== cols || info.rows !== rows) {
    await gateway.resizeTerminal(id, name, { cols, rows }).catch(() => {})
  }
  return { ...stream, info: { ...info, cols, rows } }
}

/** What the browser is told when the terminal's output has ended. */
async function lastFrame(gateway: AttachDeps['gateway'], { id, name }: Params): Promise<ServerFrame> {
  const { items } = await gateway.terminals(id)
  const found = terminalInfo.optional().parse(items.find((item) => item.name === name))
  if (!found || found.running) throw new ApiError('sandbox_not_ready', 'The terminal was cut off.')
  const { exitCode, reason } = found
  return { type: 'exit', exitCode, ...(exitCode === null && reason ? { reason } : {}) }
}

function messageOf(error: unknown) {
  return error instanceof ApiError ? error.message : 'The terminal cannot be opened at the moment. Try again.'
}
