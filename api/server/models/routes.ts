import { z } from 'zod'
import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import { slug } from '../../contract/ids.ts'
import {
  assignmentSave,
  DEMO,
  modelSlot,
  modelsView,
  provider,
  providerSave,
  providerTest,
} from '../../contract/models.ts'
import { ApiError } from '../../errors.ts'
import type { Store } from '../../store/connect.ts'
import { type App, callerOf } from '../http/route.ts'
import type { GatewayClient } from '../nodes/gateway.ts'

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

  async function view() {
    const [providers, assignments] = await Promise.all([
      db
        .selectFrom('providers')
        .select(['id', 'kind', 'base_url as baseUrl', 'place', 'has_key as hasKey'])
        .orderBy('id')
        .execute(),
      db.selectFrom('model_assignments').select(['slot', 'provider_id as provider', 'model']).orderBy('slot').execute(),
    ])
    return modelsView.parse({ providers, assignments, demoInUse: assignments.length === 0 })
  }

  app.get('/api/v1/models', { config, schema: { tags, response: { 200: modelsView } } }, view)

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
    (request) => gateway.testProvider(request.params.id),
  )

  app.put(
    '/api/v1/models/assignments/:slot',
    { config, schema: { tags, params: bySlot, body: assignmentSave, response: { 200: modelsView } } },
    async (request) => {
      const { slot } = request.params
      const { provider: provider_id, model } = request.body
      const person = callerOf(request).id
      await db.transaction().execute(async (trx) => {
        if (provider_id !== null && provider_id !== DEMO.id) {
          const found = await trx
            .selectFrom('providers')
            .select('place')
            .where('id', '=', provider_id)
            .executeTakeFirst()
          if (!found) throw new ApiError('invalid_request', `There is no provider "${provider_id}". Enter it first.`)
          if (slot === 'local' && provider.shape.place.parse(found.place) !== 'local')
            throw new ApiError(
              'invalid_request',
              'The local model must run on your own machines: choose a provider that is marked local.',
            )
        }
        await appendIn(
          trx,
          auditEvent('model.assigned', {
            actor: { type: 'person', id: person },
            person,
            decision: 'allow',
            reason: 'by-admin',
            correlation: request.id,
            detail: { slot, provider: provider_id, model },
          }),
        )
        if (provider_id === null) await trx.deleteFrom('model_assignments').where('slot', '=', slot).execute()
        else
          await trx
            .insertInto('model_assignments')
            .values({ slot, provider_id, model })
            .onConflict((conflict) => conflict.column('slot').doUpdateSet({ provider_id, model }))
            .execute()
      })
      return view()
    },
  )
}
