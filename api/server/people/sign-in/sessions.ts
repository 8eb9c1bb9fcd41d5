import { z } from 'zod'
import { personId, tokenId } from '../../../contract/ids.ts'
import { role } from '../../../contract/people.ts'
import type { Store } from '../../../store/connect.ts'
import type { Caller } from '../../http/route.ts'
import { hashOf, newSecret } from './secret.ts'

export const SESSION_IDLE_MS = 12 * 3_600_000
export const SESSION_ABSOLUTE_MS = 7 * 86_400_000
/** A session's last use is written down at most this often. */
const SEEN_EVERY_MS = 60_000

const callerRow = z.object({
  id: personId,
  name: z.string(),
  email: z.string(),
  roles: z.array(role),
  created_at: z.date(),
  has_password: z.boolean(),
})

export interface StartedSession {
  /** The cookie's value. */
  secret: string
  expiresAt: Date
}

/** Makes a session and gives the cookie's value, which is stored nowhere. Part of the caller's transaction. */
export async function startSession(db: Store, person: string, now = new Date()): Promise<StartedSession> {
  const { secret, hash } = newSecret('bs_')
  const expiresAt = new Date(now.getTime() + SESSION_ABSOLUTE_MS)
  await db.deleteFrom('sessions').where('expires_at', '<', now).execute()
  await db
    .insertInto('sessions')
    .values({ id_hash: hash, person_id: person, expires_at: expiresAt, last_seen_at: now })
    .execute()
  return { secret, expiresAt }
}

/** Who a cookie belongs to; null when it is unknown, too old, unused for too long, or its person is disabled. */
export async function findBySession(db: Store, secret: string, now = new Date()): Promise<Caller | null> {
  const session = hashOf(secret)
  const row = await db
    .selectFrom('sessions')
    .innerJoin('people', 'people.id', 'sessions.person_id')
    .select(['people.id', 'name', 'email', 'roles', 'people.created_at', 'last_seen_at'])
    .select((eb) => eb('password_hash', 'is not', null).as('has_password'))
    .where('id_hash', '=', session)
    .where('disabled_at', 'is', null)
    .where('expires_at', '>', now)
    .where('last_seen_at', '>', new Date(now.getTime() - SESSION_IDLE_MS))
    .executeTakeFirst()
  if (!row) return null
  if (now.getTime() - row.last_seen_at.getTime() > SEEN_EVERY_MS) {
    await db.updateTable('sessions').set({ last_seen_at: now }).where('id_hash', '=', session).execute()
  }
  return { ...callerOfRow(row), by: { type: 'session', session } }
}

/** Who an API token stands for; null when it is unknown, revoked, expired, or its person is disabled. */
export async function findByToken(db: Store, secret: string, now = new Date()): Promise<Caller | null> {
  const row = await db
    .selectFrom('api_tokens')
    .innerJoin('people', 'people.id', 'api_tokens.person_id')
    .select([
      'people.id',
      'people.name',
      'email',
      'roles',
      'people.created_at',
      'api_tokens.id as token',
      'last_used_at',
    ])
    .select((eb) => eb('password_hash', 'is not', null).as('has_password'))
    .where('token_hash', '=', hashOf(secret))
    .where('disabled_at', 'is', null)
    .where('revoked_at', 'is', null)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
    .executeTakeFirst()
  if (!row) return null
  if (now.getTime() - (row.last_used_at?.getTime() ?? 0) > SEEN_EVERY_MS) {
    await db.updateTable('api_tokens').set({ last_used_at: now }).where('id', '=', row.token).execute()
  }
  return { ...callerOfRow(row), by: { type: 'token', token: tokenId.parse(row.token) } }
}

/**
 * Whether what let somebody in is still there and still gives every role that it gave then. Idle
 * time is not looked at, because somebody with an open connection is not idle. Asking does not prolong the session.
 */
export async function stillHolds(db: Store, { by, roles }: Caller, now = new Date()): Promise<boolean> {
  const people = db.selectFrom('people').select('people.roles').where('disabled_at', 'is', null)
  const one =
    by.type === 'session'
      ? people
          .innerJoin('sessions', 'sessions.person_id', 'people.id')
          .where('id_hash', '=', by.session)
          .where('expires_at', '>', now)
      : people
          .innerJoin('api_tokens', 'api_tokens.person_id', 'people.id')
          .where('api_tokens.id', '=', by.token)
          .where('revoked_at', 'is', null)
          .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
  const found = await one.executeTakeFirst()
  return found !== undefined && roles.every((role) => found.roles.includes(role))
}

function callerOfRow(row: unknown) {
  const { created_at, has_password, ...rest } = callerRow.parse(row)
  return { ...rest, createdAt: created_at, hasPassword: has_password }
}

export async function endSession(db: Store, session: Buffer): Promise<void> {
  await db.deleteFrom('sessions').where('id_hash', '=', session).execute()
}

/** All sessions of a person, but for the one that asked, if any. */
export async function endSessionsOf(db: Store, person: string, except: Buffer | null = null): Promise<void> {
  const all = db.deleteFrom('sessions').where('person_id', '=', person)
  await (except ? all.where('id_hash', '!=', except) : all).execute()
}
