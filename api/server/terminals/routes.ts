import { z } from 'zod'
import { type PersonId, type SandboxId, sandboxId } from '../../contract/ids.ts'
import { terminalList, ticket } from '../../contract/terminal.ts'
import { ApiError } from '../../errors.ts'
import { type App, callerOf } from '../http/route.ts'
import type { GatewayClient } from '../nodes/gateway.ts'
import { type AttachDeps, attachQuery, attachSocket, terminalParams } from './attach.ts'
import type { Tickets } from './tickets.ts'

export interface TerminalRoutesDeps extends AttachDeps {
  gateway: AttachDeps['gateway'] & Pick<GatewayClient, 'closeTerminal'>
  tickets: Tickets
  /** Throws while there is a hold on the sandbox of this owner. */
  refuseHeld(sandbox: SandboxId, owner: PersonId): Promise<void>
}

const byId = z.strictObject({ id: sandboxId })

/**
 * Terminals for people. Origin and owner are judged before these handlers (http/origin.ts, http/access.ts); the WebSocket
 * needs a ticket besides. @fastify/websocket is registered by app.ts, with MAX_CLIENT_MESSAGE_BYTES as its `maxPayload`.
 */
export function terminalRoutes(app: App, deps: TerminalRoutesDeps): void {
  const { gateway, tickets } = deps
  const config = { access: 'owner' } as const
  const tags = ['terminals']
  const params = terminalParams

  app.get(
    '/api/v1/sandboxes/:id/terminals',
    { config, schema: { tags, params: byId, response: { 200: terminalList } } },
    (request) => gateway.terminals(request.params.id),
  )

  app.post(
    '/api/v1/sandboxes/:id/terminals/:name/ticket',
    { config, schema: { tags, params, response: { 200: ticket } } },
    async (request) => {
      const { id, name } = request.params
      await deps.refuseHeld(id, callerOf(request).id)
      return { ticket: tickets.issue({ person: callerOf(request).id, sandbox: id, terminal: name }) }
    },
  )

  app.delete(
    '/api/v1/sandboxes/:id/terminals/:name',
    { config, schema: { tags, params, response: { 204: z.undefined() } } },
    async (request, reply) => {
      await gateway.closeTerminal(request.params.id, request.params.name)
      return reply.code(204).send()
    },
  )

  app.get(
    '/api/v1/sandboxes/:id/terminals/:name',
    {
      websocket: true,
      config,
      schema: { tags, hide: true, params, querystring: attachQuery },
      // Before the upgrade: a wrong ticket is an HTTP answer.
      preHandler: async (request) => {
        const { id, name } = params.parse(request.params)
        const admission = { person: callerOf(request).id, sandbox: id, terminal: name }
        if (tickets.redeem(attachQuery.parse(request.query).ticket, admission)) return
        throw new ApiError(
          'unauthenticated',
          'This ticket is used up or was not made for this terminal. Ask for another.',
        )
      },
    },
    (socket, request) => attachSocket(deps, socket, request),
  )
}
