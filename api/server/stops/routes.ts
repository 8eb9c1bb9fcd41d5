import { z } from 'zod'
import { hold, holdList, stopOrder } from '../../contract/holds.ts'
import { holdId } from '../../contract/ids.ts'
import type { Store } from '../../store/connect.ts'
import type { LiveConnections } from '../http/live.ts'
import { type App, askedBy, callerOf } from '../http/route.ts'
import type { GatewayClient } from '../nodes/gateway.ts'
import type { Sandboxes } from '../sandboxes/sandboxes.ts'
import { listHolds, releaseHold } from './holds.ts'
import { kill } from './kill.ts'

interface StopRouteDeps {
  db: Store
  /** Connections of its own: a stop waits for nobody else's requests. */
  stops: Store
  gateway: Pick<GatewayClient, 'kill'>
  sandboxes: Pick<Sandboxes, 'endProcesses'>
  live: LiveConnections
}

/** What security and admins do to what runs. */
export function stopRoutes(app: App, { db, stops, gateway, sandboxes, live }: StopRouteDeps): void {
  const access = ['security', 'admin'] as const
  const tags = ['stops']
  const params = z.strictObject({ id: holdId })

  app.post(
    '/api/v1/kill',
    {
      config: { access, limit: 'stop' },
      schema: { tags, body: stopOrder, response: { 201: hold, 204: z.null() } },
    },
    async (request, reply) => {
      const order = request.body
      const by = { asked: askedBy(request), name: callerOf(request).name }
      const placed = await kill({ db: stops, gateway, sandboxes }, order, by)
      if (!placed) return reply.code(204).send(null)
      if (order.scope === 'person') live.endPerson(order.id)
      return reply.code(201).send(placed)
    },
  )

  app.get('/api/v1/holds', { config: { access }, schema: { tags, response: { 200: holdList } } }, async () => ({
    items: await listHolds(db),
  }))

  app.delete(
    '/api/v1/holds/:id',
    { config: { access }, schema: { tags, params, response: { 204: z.null() } } },
    async (request, reply) => {
      await releaseHold(db, request.params.id, askedBy(request))
      return reply.code(204).send(null)
    },
  )
}
