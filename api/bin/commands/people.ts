import { randomUUID } from 'node:crypto'
import type { Transaction } from 'kysely'
import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import { personId } from '../../contract/ids.ts'
import { role } from '../../contract/people.ts'
import { newId } from '../../ids.ts'
import { newSecret } from '../../server/people/secret.ts'
import { createLink } from '../../server/people/sign-in-links.ts'
import type { Database } from '../../store/tables.ts'
import { CannotStart } from '../prepare/steps.mjs'
import { rememberedUrl, type Say, type Where, withDatabase } from './place.ts'

const DAY_MS = 86_400_000
/** Whoever can read the state folder: the log shows that it was done at the command line. */
const actor = { type: 'system', id: 'launcher' } as const

/** `backlot token create`: an API token that acts as that person, with the roles that the person has at each use. */
export async function createToken(where: Where, given: { email: string; name: string; days: number }, say: Say) {
  const { secret, hash } = newSecret('bk_')
  const expiresAt = new Date(Date.now() + given.days * DAY_MS)
  const id = newId('tk')
  await withDatabase(where, (db) =>
    db.transaction().execute(async (trx) => {
      const { id: person } = await personFor(trx, given.email)
      const values = { id, token_hash: hash, person_id: person, name: given.name, expires_at: expiresAt }
      await trx.insertInto('api_tokens').values(values).execute()
      const detail = { token: id, name: given.name, expiresAt: expiresAt.toISOString() }
      const correlation = randomUUID()
      const event = { actor, person, decision: 'allow', reason: 'command-line', correlation, detail } as const
      await appendIn(trx, auditEvent('token.created', event))
    }),
  )
  say(secret)
  return true
}

/** `backlot sign-in link`: a single-use link for somebody, or for the oldest admin. Earlier ones stop working. */
export async function signInLink(where: Where, email: string | null, say: Say) {
  const link = await withDatabase(where, (db) =>
    db.transaction().execute(async (trx) => {
      const person = await personFor(trx, email)
      return createLink(trx, person, { actor, reason: 'command-line', correlation: randomUUID() })
    }),
  )
  say(`${rememberedUrl(where)}/sign-in#token=${link.token}`)
  say(`It works once, until ${link.expiresAt.toISOString()}.`)
  return true
}

async function personFor(trx: Transaction<Database>, email: string | null) {
  const people = trx.selectFrom('people').select(['id', 'email', 'roles']).where('disabled_at', 'is', null)
  const found = await people
    .where((by) =>
      email === null ? by(by.val('admin'), '=', by.fn.any('roles')) : by('email', '=', email.toLowerCase()),
    )
    .orderBy('created_at')
    .limit(1)
    .executeTakeFirst()
  if (found === undefined)
    throw new CannotStart(email === null ? 'There is no admin.' : `Nobody has the address ${email}.`)
  return { id: personId.parse(found.id), email: found.email, roles: found.roles.map((name) => role.parse(name)) }
}
