import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { auditEvent } from '../../audit/event.ts'
import type { AuditEvent } from '../../contract/audit.ts'
import { type SandboxId, sandboxId, slug } from '../../contract/ids.ts'
import { type ServerFrame, terminalInfo, terminalList, terminalSize, ticket } from '../../contract/terminal.ts'
import { ApiError } from '../../errors.ts'
import { type App, callerOf } from '../http/route.ts'
import type { GatewayClient } from '../nodes/gateway.ts'
import type { Claimed } from '../sandboxes/claimed.ts'
import { join, sendFrame } from './socket.ts'
import type { Tickets } from './tickets.ts'

export interface TerminalRoutesDeps {
  gateway: Pick<GatewayClient, 'terminals' | 'openTerminal' | 'resizeTerminal' | 'closeTerminal' | 'streamTerminal'>
  tickets: Tickets
  /** Throws where nobody may work in this sandbox now. */
  claimed(id: SandboxId): Promise<Claimed>
  /** Resolves when the event is durable. */
  append(event: AuditEvent): Promise<void>
}

const byId = z.strictObject({ id: sandboxId })
const byName = z.strictObject({ id: sandboxId, name: slug })
const size = terminalSize.shape
const attach = z.strictObject({
  ticket: z.string().max(100),
  offset: z.coerce.number().int().nonnegative().optional(),
  cols: z.coerce.number().pipe(size.cols).default(80),
  rows: z.coerce.number().pipe(size.rows).default(24),
})
type Params = z.output<typeof byName>
type Query = z.output<typeof attach>

/**
 * Terminals for people. Origin and owner are judged before these handlers (http/origin.ts, http/access.ts); the WebSocket
 * needs a ticket besides. @fastify/websocket is registered by app.ts, with MAX_CLIENT_MESSAGE_BYTES as its `maxPayload`.
 */
export function terminalRoutes(app: App, { gateway, tickets, claimed, append }: TerminalRoutesDeps): void {
  const config = { access: 'owner' } as const
  const tags = ['terminals']

  app.get(
    '/api/v1/sandboxes/:id/terminals',
    { config, schema: { tags, params: byId, response: { 200: terminalList } } },
    ({ params }) => gateway.terminals(params.id),
  )

  app.post(
    '/api/v1/sandboxes/:id/terminals/:name/ticket',
    { config, schema: { tags, params: byName, response: { 200: ticket } } },
    async (request) => {
      const { id, name } = request.params
      return { ticket: tickets.issue({ person: callerOf(request).id, sandbox: id, terminal: name }) }
    },
  )

  app.delete(
    '/api/v1/sandboxes/:id/terminals/:name',
    { config, schema: { tags, params: byName, response: { 204: z.undefined() } } },
    async ({ params }, reply) => {
      await gateway.closeTerminal(params.id, params.name)
      return reply.code(204).send()
    },
  )

  app.get(
    '/api/v1/sandboxes/:id/terminals/:name',
    {
      websocket: true,
      config,
      schema: { tags, hide: true, params: byName, querystring: attach },
      // Before the upgrade: a wrong ticket is an HTTP answer.
      preHandler: async (request) => {
        const { id, name } = byName.parse(request.params)
        const admission = { person: callerOf(request).id, sandbox: id, terminal: name }
        if (tickets.redeem(attach.parse(request.query).ticket, admission)) return
        throw new ApiError(
          'unauthenticated',
          'This ticket is used up or was not made for this terminal. Ask for another.',
        )
      },
    },
    (socket, request) => {
      // What the browser sends before the terminal is there waits in the kernel.
      socket.pause()
      socket.on('error', () => socket.terminate())
      const { params, query } = request
      attachTo(params, query, request)
        .then(({ offset, bytes, info }) => {
          if (socket.readyState !== socket.OPEN) return bytes.destroy()
          sendFrame(socket, { type: 'ready', offset, cols: info.cols, rows: info.rows })
          join({
            socket,
            bytes,
            onFrame: ({ cols, rows }) =>
              void gateway.resizeTerminal(params.id, params.name, { cols, rows }).catch(() => {}),
            goodbye: () => ending(params.id, params.name),
          })
          socket.resume()
        })
        .catch((error: unknown) => {
          request.log.debug({ err: error }, 'a terminal could not be attached')
          sendFrame(socket, { type: 'error', message: messageOf(error) })
          socket.resume()
          socket.close(1013)
        })
    },
  )

  async function attachTo({ id, name }: Params, { offset, cols, rows }: Query, request: FastifyRequest) {
    const where = await claimed(id)
    const info = await gateway.openTerminal(id, { name, cols, rows })
    const stream = await gateway.streamTerminal(id, name, offset ?? null)
    const caller = callerOf(request)
    try {
      await append(
        auditEvent('terminal.attached', {
          actor: { type: 'person', id: caller.id },
          person: caller.id,
          ...where,
          decision: 'info',
          reason: 'terminal-attached',
          correlation: request.id,
          detail: { terminal: name, offset: stream.offset },
        }),
      )
    } catch (error) {
      stream.bytes.destroy()
      throw error
    }
    if (info.cols !== cols || info.rows !== rows) {
      await gateway.resizeTerminal(id, name, { cols, rows }).catch(() => {})
    }
    return { ...stream, info: { ...info, cols, rows } }
  }

  async function ending(id: SandboxId, name: string): Promise<ServerFrame> {
    const { items } = await gateway.terminals(id)
    const found = terminalInfo.optional().parse(items.find((item) => item.name === name))
    if (!found || found.running) throw new ApiError('sandbox_not_ready', 'The terminal was cut off.')
    if (found.exitCode === null && found.reason) return { type: 'error', message: found.reason }
    return { type: 'exit', exitCode: found.exitCode }
  }
}

function messageOf(error: unknown) {
  return error instanceof ApiError ? error.message : 'The terminal cannot be opened at the moment. Try again.'
}
