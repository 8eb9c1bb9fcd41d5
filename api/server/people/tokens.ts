import type { Transaction } from 'kysely'
import { z } from 'zod'
import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import type { Actor } from '../../contract/audit.ts'
import { type PersonId, type TokenId, tokenId } from '../../contract/ids.ts'
import type { Reason } from '../../contract/reasons.ts'
import { notFound } from '../../errors.ts'
import { newId } from '../../ids.ts'
import type { Store } from '../../store/connect.ts'
import type { Database } from '../../store/tables.ts'
import type { AskedBy } from '../http/route.ts'
import { newSecret } from './sign-in/secret.ts'

const DAY_MS = 86_400_000

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

/** A person's API tokens that were not revoked, newest first. */
export async function listTokens(db: Store, person: PersonId) {
  const rows = await db
    .selectFrom('api_tokens')
    .select(COLUMNS)
    .where('person_id', '=', person)
    .where('revoked_at', 'is', null)
    .orderBy('created_at', 'desc')
    .execute()
  return rows.map(tokenOf)
}

interface CreateToken {
  /** As whom it acts. */
  person: PersonId
  name: string
  expiresInDays: number
  by: { actor: Actor; reason: 'own-token' | 'command-line'; correlation: string }
}

/** Part of the caller's transaction. `token` is the secret, which is stored nowhere. */
export async function createToken(trx: Transaction<Database>, { person, name, expiresInDays, by }: CreateToken) {
  const { secret, hash } = newSecret('bk_')
  const expiresAt = new Date(Date.now() + expiresInDays * DAY_MS)
  const id = newId('tk')
  const values = { id, token_hash: hash, person_id: person, name, expires_at: expiresAt }
  const made = await trx.insertInto('api_tokens').values(values).returning(COLUMNS).executeTakeFirstOrThrow()
  const detail = { token: id, name, expiresAt: expiresAt.toISOString() }
  await appendIn(trx, auditEvent('token.created', { ...by, person, decision: 'allow', detail }))
  return { token: secret, apiToken: tokenOf(made) }
}

/** For good. Throws `not_found` when the one who asks has no such token. */
export function revokeToken(db: Store, id: TokenId, asked: AskedBy): Promise<void> {
  return db.transaction().execute(async (trx) => {
    const revoked = await trx
      .updateTable('api_tokens')
      .set({ revoked_at: new Date() })
      .where('id', '=', id)
      .where('person_id', '=', asked.person)
      .where('revoked_at', 'is', null)
      .returning('id')
      .executeTakeFirst()
    if (!revoked) throw notFound()
    await appendIn(
      trx,
      auditEvent('token.revoked', { ...asked, decision: 'info', reason: 'own-token', detail: { token: id } }),
    )
  })
}

/** For good, all that work still. Part of the caller's transaction; afterwards, end what is open by them. */
export async function revokeTokensOf(
  trx: Transaction<Database>,
  person: PersonId,
  by: { actor: Actor; person: PersonId; correlation: string; reason: Reason },
): Promise<void> {
  const revoked = await trx
    .updateTable('api_tokens')
    .set({ revoked_at: new Date() })
    .where('person_id', '=', person)
    .where('revoked_at', 'is', null)
    .returning('id')
    .execute()
  for (const { id } of revoked)
    await appendIn(trx, auditEvent('token.revoked', { ...by, decision: 'info', detail: { token: id } }))
}
