import type { z } from 'zod'
import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import type { mePatch, Person } from '../../contract/people.ts'
import { ApiError } from '../../errors.ts'
import type { Store } from '../../store/connect.ts'
import type { AskedBy, Caller } from '../http/route.ts'
import { emailTaken, personOf } from './people.ts'
import { hashPassword, verifyPassword } from './sign-in/password.ts'
import { endSessionsOf, type StartedSession, startSession } from './sign-in/sessions.ts'
import type { Throttle } from './sign-in/throttle.ts'
import { revokeTokensOf } from './tokens.ts'

type Patch = z.output<typeof mePatch>

/** Whoever found an open browser or a token must not be able to take the account over: throws unless they know the password. */
export async function proveThemselves(db: Store, guesses: Throttle, caller: Caller, patch: Patch): Promise<void> {
  if (patch.password === undefined && patch.email === undefined) return
  if (caller.by.type !== 'session')
    throw new ApiError('invalid_request', 'E-mail and password are changed in the browser, not with an API token.')
  if (!caller.hasPassword) return
  const waitMs = guesses.begin(caller.id)
  if (waitMs > 0) throw new ApiError('throttled', `Too many attempts. Try again in ${Math.ceil(waitMs / 1000)} s.`)
  const row = await db.selectFrom('people').select('password_hash').where('id', '=', caller.id).executeTakeFirst()
  if (!(await verifyPassword(row?.password_hash ?? null, patch.currentPassword ?? ''))) {
    throw new ApiError(
      'invalid_request',
      'currentPassword: give your current password to change the e-mail address or the password.',
    )
  }
  guesses.forget(caller.id)
}

/** A new password ends every session and API token of theirs; `session` is then the one that goes on. */
export async function changeOwnAccount(
  db: Store,
  caller: Caller,
  patch: Patch,
  asked: AskedBy,
): Promise<{ person: Person; session: StartedSession | null }> {
  const hash = patch.password === undefined ? null : await hashPassword(patch.password)
  return db
    .transaction()
    .execute(async (trx) => {
      const row = await trx
        .updateTable('people')
        .set({
          ...(patch.name === undefined ? {} : { name: patch.name }),
          ...(patch.email === undefined ? {} : { email: patch.email }),
          // Always at least one column: an UPDATE without any is not valid SQL.
          ...(hash === null ? { name: patch.name ?? caller.name } : { password_hash: hash }),
        })
        .where('id', '=', caller.id)
        .returning(['id', 'email', 'name', 'roles', 'disabled_at', 'created_at'])
        .executeTakeFirstOrThrow()
      const person = personOf(row)
      const fields = (['name', 'email', 'password'] as const).filter((field) => patch[field] !== undefined)
      const detail = { person: caller.id, fields, roles: person.roles, disabled: person.disabled }
      await appendIn(trx, auditEvent('person.changed', { ...asked, decision: 'allow', reason: 'own-account', detail }))
      if (hash === null) return { person, session: null }
      await endSessionsOf(trx, caller.id)
      await revokeTokensOf(trx, caller.id, { ...asked, reason: 'own-account' })
      return { person, session: await startSession(trx, caller.id) }
    })
    .catch((error) => {
      throw emailTaken(error)
    })
}
