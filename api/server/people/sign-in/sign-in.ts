import type { Transaction } from 'kysely'
import type { z } from 'zod'
import { appendIn } from '../../../audit/append.ts'
import { auditEvent } from '../../../audit/event.ts'
import { type PersonId, personId } from '../../../contract/ids.ts'
import type { Person, signIn } from '../../../contract/people.ts'
import type { Store } from '../../../store/connect.ts'
import type { Database } from '../../../store/tables.ts'
import { findPerson } from '../people.ts'
import { redeemSignInLink } from './links.ts'
import { verifyPassword } from './password.ts'
import { endSession, type StartedSession, startSession } from './sessions.ts'

export interface SignInRequest {
  credentials: z.output<typeof signIn>
  address: string
  correlation: string
  /** The session that the browser already had; it ends, so that a planted one is worth nothing (session fixation). */
  replaces: Buffer | null
}
export interface SignedIn extends StartedSession {
  person: Person
  hasPassword: boolean
}

/** Null: refused, with no word about why. The session and its event are committed together. */
export async function beginSession(
  db: Store,
  { credentials, address, correlation, replaces }: SignInRequest,
): Promise<SignedIn | null> {
  const known = 'token' in credentials ? null : await byPassword(db, credentials)
  if (!('token' in credentials) && known === null) return null
  return db.transaction().execute(async (trx) => {
    const id = 'token' in credentials ? await redeemSignInLink(trx, credentials.token) : known
    const found = id === null ? null : await activePerson(trx, id)
    if (found === null) return null
    if (replaces) await endSession(trx, replaces)
    const session = await startSession(trx, found.person.id)
    const by = 'token' in credentials ? 'link' : 'password'
    await appendIn(
      trx,
      auditEvent('session.created', {
        actor: { type: 'person', id: found.person.id },
        person: found.person.id,
        decision: 'allow',
        reason: 'signed-in',
        correlation,
        detail: { by, address },
      }),
    )
    return { ...session, ...found }
  })
}

async function byPassword(
  db: Store,
  { email, password }: { email: string; password: string },
): Promise<PersonId | null> {
  const row = await db
    .selectFrom('people')
    .select(['id', 'password_hash'])
    .where('email', '=', email)
    .executeTakeFirst()
  const right = await verifyPassword(row?.password_hash ?? null, password)
  return row && right ? personId.parse(row.id) : null
}

/** Held until the commit: a person who is being disabled gets no session at the same moment. */
async function activePerson(trx: Transaction<Database>, id: PersonId) {
  const person = await findPerson(trx, id, { forUpdate: true })
  if (person === null || person.disabled) return null
  const row = await trx.selectFrom('people').select('password_hash').where('id', '=', id).executeTakeFirst()
  return { person, hasPassword: row?.password_hash != null }
}
