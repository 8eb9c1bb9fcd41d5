import { z } from 'zod'
import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import { tokenId } from '../../contract/ids.ts'
import { apiTokenCreate, apiTokenCreated, apiTokenList } from '../../contract/people.ts'
import { ApiError, notFound } from '../../errors.ts'
import { newId } from '../../ids.ts'
import type { Store } from '../../store/connect.ts'
import type { LiveConnections } from '../http/live.ts'
import { type App, callerOf } from '../http/route.ts'
import { newSecret } from './secret.ts'

const row = z.object({
  id: tokenId,
  name: z.string(),
  created_at: z.date(),
  expires_at: z.date().nullable(),
  last_used_at: z.date().nullable(),
})
const COLUMNS = ['id', 'name', 'created_at', 'expires_at', 'last_used_at'] as const

function tokenOf(raw: unknown) {
  const { id, name, created_at, expires_at, last_used_at } = row.parse(raw)
  return {
    id,
    name,
    createdAt: created_at.toISOString(),
    expiresAt: expires_at?.toISOString() ?? null,
    lastUsedAt: last_used_at?.toISOString() ?? null,
  }
}

/** A person's own API tokens: each acts as that person, with the roles that the person has at that moment. */
export function tokenRoutes(app: App, { db, live }: { db: Store; live: LiveConnections }): void {
  const shared = { config: { access: 'signed-in' } } as const

  app.get(
    '/api/v1/tokens',
    { ...shared, schema: { tags: ['people'], response: { 200: apiTokenList } } },
    async (request) => {
      const rows = await db
        .selectFrom('api_tokens')
        .select(COLUMNS)
        .where('person_id', '=', callerOf(request).id)
        .where('revoked_at', 'is', null)
        .orderBy('created_at', 'desc')
        .execute()
      return { items: rows.map(tokenOf) }
    },
  )

  app.post(
    '/api/v1/tokens',
    { ...shared, schema: { tags: ['people'], body: apiTokenCreate, response: { 201: apiTokenCreated } } },
    async (request, reply) => {
      const caller = callerOf(request)
      // Else a stolen token could outlive its expiry by making others.
      if (caller.by.type !== 'session')
        throw new ApiError('invalid_request', 'A token cannot make tokens: sign in to make one.')
      const { name, expiresInDays } = request.body
      const { secret, hash } = newSecret('bk_')
      const expiresAt = new Date(Date.now() + expiresInDays * 86_400_000)
      const id = newId('tk')
      const made = await db.transaction().execute(async (trx) => {
        const values = { id, token_hash: hash, person_id: caller.id, name, expires_at: expiresAt }
        const inserted = await trx.insertInto('api_tokens').values(values).returning(COLUMNS).executeTakeFirstOrThrow()
        await appendIn(
          trx,
          auditEvent('token.created', {
            actor: { type: 'person', id: caller.id },
            person: caller.id,
            decision: 'allow',
            reason: 'own-token',
            correlation: request.id,
            detail: { token: id, name, expiresAt: expiresAt.toISOString() },
          }),
        )
        return inserted
      })
      return reply.code(201).send({ token: secret, apiToken: tokenOf(made) })
    },
  )

  app.delete(
    '/api/v1/tokens/:id',
    { ...shared, schema: { tags: ['people'], params: z.strictObject({ id: tokenId }), response: { 204: z.null() } } },
    async (request, reply) => {
      const caller = callerOf(request)
      await db.transaction().execute(async (trx) => {
        const revoked = await trx
          .updateTable('api_tokens')
          .set({ revoked_at: new Date() })
          .where('id', '=', request.params.id)
          .where('person_id', '=', caller.id)
          .where('revoked_at', 'is', null)
          .returning('id')
          .executeTakeFirst()
        if (!revoked) throw notFound()
        await appendIn(
          trx,
          auditEvent('token.revoked', {
            actor: { type: 'person', id: caller.id },
            person: caller.id,
            decision: 'info',
            reason: 'own-token',
            correlation: request.id,
            detail: { token: request.params.id },
          }),
        )
      })
      live.endToken(request.params.id)
      return reply.code(204).send(null)
    },
  )
}
