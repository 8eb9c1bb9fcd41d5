import { z } from 'zod'
import { slug } from '../../contract/ids.ts'
import { assignmentSave, modelSlot, modelsView, providerSave, providerTest } from '../../contract/models.ts'
import type { Store } from '../../store/connect.ts'
import { type App, askedBy, callerOf } from '../http/route.ts'
import type { GatewayClient } from '../nodes/gateway.ts'
import { assignModel, readModels } from './assignments.ts'

interface ModelsRoutesDeps {
  db: Store
  gateway: Pick<GatewayClient, 'saveProvider' | 'removeProvider' | 'testProvider'>
}

/** Admin › Models. Providers are written by the gateway, which alone holds their keys; which model answers is written here. */
export function modelsRoutes(app: App, { db, gateway }: ModelsRoutesDeps): void {
  const config = { access: ['admin'] } as const
  const tags = ['models']
  const byId = z.strictObject({ id: slug })
  const bySlot = z.strictObject({ slot: modelSlot })

  app.get('/api/v1/models', { config, schema: { tags, response: { 200: modelsView } } }, () => readModels(db))

  app.put(
    '/api/v1/models/providers/:id',
    { config, schema: { tags, params: byId, body: providerSave } },
    async (request, reply) => {
      await gateway.saveProvider(request.params.id, request.body, callerOf(request).id)
      return reply.code(204).send()
    },
  )
  app.delete('/api/v1/models/providers/:id', { config, schema: { tags, params: byId } }, async (request, reply) => {
    await gateway.removeProvider(request.params.id, callerOf(request).id)
    return reply.code(204).send()
  })
  app.post(
    '/api/v1/models/providers/:id/test',
    { config, schema: { tags, params: byId, response: { 200: providerTest } } },
    (request) => gateway.testProvider(request.params.id, callerOf(request).id),
  )

  app.put(
    '/api/v1/models/assignments/:slot',
    { config, schema: { tags, params: bySlot, body: assignmentSave, response: { 200: modelsView } } },
    async (request) => {
      await assignModel(db, request.params.slot, request.body, askedBy(request))
      return readModels(db)
    },
  )
}
