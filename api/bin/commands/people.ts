import { randomUUID } from 'node:crypto'
import type { Transaction } from 'kysely'
import { personId } from '../../contract/ids.ts'
import { role } from '../../contract/people.ts'
import { createSignInLink } from '../../server/people/sign-in/links.ts'
import { createToken } from '../../server/people/tokens.ts'
import type { Database } from '../../store/tables.ts'
import { CannotStart } from '../prepare/steps.mjs'
import { rememberedUrl, type Say, type Where, withDatabase } from './place.ts'

/** Whoever can read the state folder: the log shows that it was done at the command line. */
const actor = { type: 'system', id: 'launcher' } as const

/** `backlot token create`: an API token that acts as that person, with the roles that the person has at each use. */
export async function createTokenFor(where: Where, given: { email: string; name: string; days: number }, say: Say) {
  const { token } = await withDatabase(where, (db) =>
    db.transaction().execute(async (trx) => {
      const { id: person } = await personFor(trx, given.email)
      const by = { actor, reason: 'command-line', correlation: randomUUID() } as const
      return createToken(trx, { person, name: given.name, expiresInDays: given.days, by })
    }),
  )
  say(token)
  return true
}

/** `backlot sign-in link`: a single-use link for somebody, or for the oldest admin. Earlier ones stop working. */
export async function signInLink(where: Where, email: string | null, say: Say) {
  const link = await withDatabase(where, (db) =>
    db.transaction().execute(async (trx) => {
      const person = await personFor(trx, email)
      return createSignInLink(trx, person, { actor, reason: 'command-line', correlation: randomUUID() })
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
