import type { ServerResponse } from 'node:http'
import { z } from 'zod'
import type { Append } from '../../audit/append.ts'
import { sandboxId } from '../../contract/ids.ts'
import { execRequest, execResult } from '../../contract/prototypes.ts'
import type { Store } from '../../store/connect.ts'
import { type App, askedBy } from '../http/route.ts'
import type { GatewayClient } from '../nodes/gateway.ts'
import { runCommand } from './exec.ts'
import type { Sandboxes } from './sandboxes.ts'

interface SandboxRouteDeps {
  db: Store
  append: Append
  gateway: Pick<GatewayClient, 'exec'>
  sandboxes: Sandboxes
}

const params = z.strictObject({ id: sandboxId })
const none = { 204: z.null() }

export function sandboxRoutes(app: App, { db, append, gateway, sandboxes }: SandboxRouteDeps): void {
  const tags = ['sandboxes']
  const stoppable = { access: { ownerOr: ['security', 'admin'] } } as const

  app.post(
    '/api/v1/sandboxes/:id/exec',
    {
      config: { access: 'owner', needsRoom: true },
      // 1 MiB of stdin and 1,000 arguments, each with JSON's escapes.
      bodyLimit: 8 * 1_048_576,
      schema: { tags, params, body: execRequest, response: { 200: execResult } },
    },
    (request, reply) =>
      runCommand({ db, append, gateway }, request.params.id, request.body, askedBy(request), leaving(reply.raw)),
  )

  app.post(
    '/api/v1/sandboxes/:id/start',
    { config: { access: 'owner', needsRoom: true }, schema: { tags, params, response: none } },
    async (request, reply) => {
      await sandboxes.start(request.params.id, { ...askedBy(request), reason: 'asked-for' })
      return reply.code(204).send(null)
    },
  )
  app.post(
    '/api/v1/sandboxes/:id/stop',
    { config: { ...stoppable, limit: 'stop' }, schema: { tags, params, response: none } },
    async (request, reply) => {
      await sandboxes.stop(request.params.id, { ...askedBy(request), reason: 'asked-for' })
      return reply.code(204).send(null)
    },
  )
  app.post(
    '/api/v1/sandboxes/:id/apply-policy',
    { config: { access: 'owner', needsRoom: true }, schema: { tags, params, response: none } },
    async (request, reply) => {
      await sandboxes.applyPolicy(request.params.id, askedBy(request))
      return reply.code(204).send(null)
    },
  )
  app.delete(
    '/api/v1/sandboxes/:id',
    { config: stoppable, schema: { tags, params, response: none } },
    async (request, reply) => {
      await sandboxes.remove(request.params.id, { ...askedBy(request), reason: 'asked-for' })
      return reply.code(204).send(null)
    },
  )
}

/** Fires when the caller's connection ends before the answer has. What was closed before anybody listened says nothing any more. */
function leaving(response: ServerResponse): AbortSignal {
  const left = new AbortController()
  response.once('close', () => response.writableFinished || left.abort())
  if (response.destroyed || response.socket?.destroyed !== false) left.abort()
  return left.signal
}
