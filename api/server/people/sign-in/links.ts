import { randomUUID } from 'node:crypto'
import { sql, type Transaction } from 'kysely'
import { appendIn } from '../../../audit/append.ts'
import { auditEvent } from '../../../audit/event.ts'
import type { Actor } from '../../../contract/audit.ts'
import { type PersonId, personId } from '../../../contract/ids.ts'
import { type Role, role } from '../../../contract/people.ts'
import type { Reason } from '../../../contract/reasons.ts'
import { newId } from '../../../ids.ts'
import type { Store } from '../../../store/connect.ts'
import type { Database } from '../../../store/tables.ts'
import { hashOf, newSecret } from './secret.ts'

export const LINK_LIFETIME_MS = 24 * 3_600_000

interface Invited {
  id: PersonId
  email: string
  roles: Role[]
}
export interface SignInLink {
  token: string
  expiresAt: Date
}

/**
 * Makes a person's single-use sign-in link; earlier ones stop working. The event says for whom and why, never the token.
 * Part of the caller's transaction.
 */
export async function createSignInLink(
  trx: Transaction<Database>,
  person: Invited,
  by: { actor: Actor; reason: Reason; correlation: string },
): Promise<SignInLink> {
  const { secret, hash } = newSecret('bl_')
  const expiresAt = new Date(Date.now() + LINK_LIFETIME_MS)
  await trx.deleteFrom('sign_in_links').where('person_id', '=', person.id).where('used_at', 'is', null).execute()
  await trx
    .insertInto('sign_in_links')
    .values({
      token_hash: hash,
      person_id: person.id,
      created_by: by.actor.type === 'person' ? by.actor.id : null,
      expires_at: expiresAt,
      used_at: null,
    })
    .execute()
  await appendIn(
    trx,
    auditEvent('person.invited', {
      actor: by.actor,
      person: by.actor.type === 'person' ? by.actor.id : null,
      decision: 'info',
      reason: by.reason,
      correlation: by.correlation,
      detail: { person: person.id, email: person.email, roles: person.roles },
    }),
  )
  return { token: secret, expiresAt }
}

/** Uses a link up: of two who come at once, one gets in. Null when it is unknown, used, too old, or its person disabled. */
export async function redeemSignInLink(trx: Store, token: string, now = new Date()): Promise<PersonId | null> {
  const row = await trx
    .updateTable('sign_in_links')
    .from('people')
    .set({ used_at: now })
    .whereRef('people.id', '=', 'sign_in_links.person_id')
    .where('token_hash', '=', hashOf(token))
    .where('used_at', 'is', null)
    .where('sign_in_links.expires_at', '>', now)
    .where('disabled_at', 'is', null)
    .returning('person_id')
    .executeTakeFirst()
  return row ? personId.parse(row.person_id) : null
}

/**
 * The link that the launcher prints. While nobody has a password: a new one at every start, for the first person, who is
 * made when missing. Afterwards only when `always` asks for it (`npm start -- --json`): for the oldest admin. Else null.
 */
export function firstSignInLink(db: Store, { always }: { always: boolean }): Promise<SignInLink | null> {
  const correlation = randomUUID()
  return db.transaction().execute(async (trx) => {
    // Two servers that start at once must not both make the first person.
    await sql`SELECT pg_advisory_xact_lock(4600, 3)`.execute(trx)
    const hasPeople = await trx
      .selectFrom('people')
      .select('id')
      .where('password_hash', 'is not', null)
      .limit(1)
      .executeTakeFirst()
    if (hasPeople && !always) return null
    const person = (await oldestAdmin(trx)) ?? (hasPeople ? null : await createFirstPerson(trx))
    if (!person) return null
    const reason = hasPeople ? 'launcher-link' : 'first-start'
    return createSignInLink(trx, person, { actor: { type: 'system', id: 'server' }, reason, correlation })
  })
}

async function oldestAdmin(trx: Store): Promise<Invited | null> {
  const row = await trx
    .selectFrom('people')
    .select(['id', 'email', 'roles'])
    .where(sql<boolean>`'admin' = ANY(roles)`)
    .where('disabled_at', 'is', null)
    .orderBy('created_at')
    .limit(1)
    .executeTakeFirst()
  return row ? { id: personId.parse(row.id), email: row.email, roles: row.roles.map((name) => role.parse(name)) } : null
}

async function createFirstPerson(trx: Store): Promise<Invited> {
  const roles: Role[] = ['pm', 'security', 'admin']
  const person = { id: personId.parse(newId('pe')), email: 'owner@localhost', roles }
  await trx
    .insertInto('people')
    .values({ ...person, name: 'Owner', password_hash: null, disabled_at: null })
    .execute()
  return person
}
