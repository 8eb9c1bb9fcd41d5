import { z } from 'zod'
import { tokenId } from '../../contract/ids.ts'
import { apiTokenCreate, apiTokenCreated, apiTokenList } from '../../contract/people.ts'
import { ApiError } from '../../errors.ts'
import type { Store } from '../../store/connect.ts'
import type { LiveConnections } from '../http/live.ts'
import { type App, askedBy, callerOf } from '../http/route.ts'
import { createToken, listTokens, revokeToken } from './tokens.ts'

/** A person's own API tokens: each acts as that person, with the roles that the person has at that moment. */
export function tokenRoutes(app: App, { db, live }: { db: Store; live: LiveConnections }): void {
  const config = { access: 'signed-in' } as const
  const tags = ['people']
  const params = z.strictObject({ id: tokenId })

  app.get('/api/v1/tokens', { config, schema: { tags, response: { 200: apiTokenList } } }, async (request) => ({
    items: await listTokens(db, callerOf(request).id),
  }))

  app.post(
    '/api/v1/tokens',
    { config, schema: { tags, body: apiTokenCreate, response: { 201: apiTokenCreated } } },
    async (request, reply) => {
      // Otherwise a stolen token could outlive its expiry by making others.
      if (callerOf(request).by.type !== 'session')
        throw new ApiError('invalid_request', 'A token cannot make tokens: sign in to make one.')
      const { person, ...asked } = askedBy(request)
      const command = { ...request.body, person, by: { ...asked, reason: 'own-token' } } as const
      const made = await db.transaction().execute((trx) => createToken(trx, command))
      return reply.code(201).send(made)
    },
  )

  app.delete(
    '/api/v1/tokens/:id',
    { config, schema: { tags, params, response: { 204: z.null() } } },
    async (request, reply) => {
      await revokeToken(db, request.params.id, askedBy(request))
      live.endToken(request.params.id)
      return reply.code(204).send(null)
    },
  )
}
