import type { Transaction } from 'kysely'
import type { z } from 'zod'
import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import { type PersonId, personId } from '../../contract/ids.ts'
import type { invite, Person, personPatch } from '../../contract/people.ts'
import type { Reason } from '../../contract/reasons.ts'
import { notFound } from '../../errors.ts'
import { newId } from '../../ids.ts'
import type { Store } from '../../store/connect.ts'
import type { Database } from '../../store/tables.ts'
import type { AskedBy } from '../http/route.ts'
import { emailTaken, findPerson, keepOneAdmin, mayRun } from './people.ts'
import { createSignInLink, type SignInLink } from './sign-in/links.ts'
import { endSessionsOf } from './sign-in/sessions.ts'
import { revokeTokensOf } from './tokens.ts'

/** A person, and the link that lets them in. */
interface LinkedPerson {
  person: Person
  link: SignInLink
}

export function invitePerson(db: Store, given: z.output<typeof invite>, asked: AskedBy): Promise<LinkedPerson> {
  const { email, name, roles } = given
  const id = personId.parse(newId('pe'))
  return db
    .transaction()
    .execute(async (trx) => {
      await trx
        .insertInto('people')
        .values({ id, email, name, roles: [...new Set(roles)], password_hash: null, disabled_at: null })
        .execute()
      return linkPerson(trx, id, 'invited', asked)
    })
    .catch((error) => {
      throw emailTaken(error)
    })
}

/** Somebody lost the way in: the password is taken away, every session and API token ends, and a new link is made. */
export function readmitPerson(db: Store, id: PersonId, asked: AskedBy): Promise<LinkedPerson> {
  return db.transaction().execute(async (trx) => {
    const found = await findPerson(trx, id, { forUpdate: true })
    if (!found || found.disabled) throw notFound()
    await trx.updateTable('people').set({ password_hash: null }).where('id', '=', id).execute()
    await endSessionsOf(trx, id)
    await revokeTokensOf(trx, id, { ...asked, reason: 'new-link' })
    return linkPerson(trx, id, 'new-link', asked)
  })
}

async function linkPerson(trx: Transaction<Database>, id: PersonId, reason: Reason, asked: AskedBy) {
  const person = await findPerson(trx, id)
  if (!person) throw notFound()
  return { person, link: await createSignInLink(trx, person, { ...asked, reason }) }
}

/**
 * `lessAllowed`: their sessions have ended, and what is open on their behalf has to end too. `mustStop`: they may run
 * nothing any more, and what they run has to be stopped. That holds again when the same change is made again, because the
 * stop comes after this commit and may have failed.
 */
export function changePerson(
  db: Store,
  id: PersonId,
  patch: z.output<typeof personPatch>,
  asked: AskedBy,
): Promise<{ person: Person; lessAllowed: boolean; mustStop: boolean }> {
  return db.transaction().execute(async (trx) => {
    const before = await findPerson(trx, id, { forUpdate: true })
    if (!before) throw notFound()
    const after = {
      name: patch.name ?? before.name,
      roles: [...new Set(patch.roles ?? before.roles)],
      disabled: patch.disabled ?? before.disabled,
    }
    const wasAdmin = before.roles.includes('admin') && !before.disabled
    if (wasAdmin && (after.disabled || !after.roles.includes('admin'))) await keepOneAdmin(trx, id)
    const disabledAt = after.disabled ? new Date() : null
    await trx
      .updateTable('people')
      .set({ name: after.name, roles: after.roles, disabled_at: disabledAt })
      .where('id', '=', id)
      .execute()
    const lessAllowed = after.disabled || before.roles.some((role) => !after.roles.includes(role))
    if (lessAllowed) await endSessionsOf(trx, id)
    if (after.disabled) {
      // For good: they may have been disabled because a token or a link was stolen, and may be enabled again later.
      await revokeTokensOf(trx, id, { ...asked, reason: 'by-admin' })
      await trx.deleteFrom('sign_in_links').where('person_id', '=', id).where('used_at', 'is', null).execute()
    }
    const fields = ['name', 'roles', 'disabled'].filter((field) => Object.hasOwn(patch, field))
    const detail = { person: id, fields, roles: after.roles, disabled: after.disabled }
    await appendIn(trx, auditEvent('person.changed', { ...asked, decision: 'allow', reason: 'by-admin', detail }))
    const stops = mayRun(before) || patch.disabled === true || (await hasSandboxes(trx, id))
    return { person: { ...before, ...after }, lessAllowed, mustStop: !mayRun(after) && stops }
  })
}

async function hasSandboxes(trx: Transaction<Database>, owner: PersonId): Promise<boolean> {
  const one = trx.selectFrom('sandboxes').select('id').where('owner_id', '=', owner).where('state', '!=', 'removed')
  return (await one.limit(1).executeTakeFirst()) !== undefined
}
