import { z } from 'zod'
import { type PersonId, personId } from '../../contract/ids.ts'
import { type ListedPerson, type Person, role } from '../../contract/people.ts'
import { ApiError } from '../../errors.ts'
import type { Store } from '../../store/connect.ts'
import type { Caller } from '../http/route.ts'

const row = z.object({
  id: personId,
  email: z.string(),
  name: z.string(),
  roles: z.array(role),
  disabled_at: z.date().nullable(),
  created_at: z.date(),
})

const COLUMNS = ['id', 'email', 'name', 'roles', 'disabled_at', 'created_at'] as const

export function personOf(raw: unknown): Person {
  const { disabled_at, created_at, ...rest } = row.parse(raw)
  return { ...rest, disabled: disabled_at !== null, createdAt: created_at.toISOString() }
}

export function personOfCaller({ id, email, name, roles, createdAt }: Caller): Person {
  return { id, email, name, roles, disabled: false, createdAt: createdAt.toISOString() }
}

export async function listPeople(db: Store): Promise<ListedPerson[]> {
  const rows = await db
    .selectFrom('people')
    .select([...COLUMNS, 'password_hash'])
    .orderBy('created_at')
    .orderBy('id')
    .execute()
  return rows.map(({ password_hash, ...raw }) => ({ ...personOf(raw), invited: password_hash === null }))
}

/** `forUpdate`: the row is held until the transaction ends, so that two changes of it wait for each other. */
export async function findPerson(db: Store, id: PersonId, { forUpdate = false } = {}): Promise<Person | null> {
  const one = db.selectFrom('people').select(COLUMNS).where('id', '=', id)
  const found = await (forUpdate ? one.forUpdate() : one).executeTakeFirst()
  return found ? personOf(found) : null
}

/** Whether sandboxes may run for them. */
export const mayRun = ({ roles, disabled }: Pick<Person, 'roles' | 'disabled'>) => !disabled && roles.includes('pm')

/** Makes the sentence of a broken unique constraint (SQLSTATE 23505); any other error is returned as it is. */
export function emailTaken(error: unknown): unknown {
  const unique = error instanceof Error && 'code' in error && error.code === '23505'
  return unique ? new ApiError('conflict', 'Somebody else already uses this e-mail address.') : error
}

/** An admin who has signed in before must remain, to invite people: locks all admins, and refuses to lose the last of these. */
export async function keepOneAdmin(trx: Store, losing: PersonId): Promise<void> {
  const admins = await trx
    .selectFrom('people')
    .select(['id', 'roles'])
    .where('disabled_at', 'is', null)
    .where((eb) =>
      eb.or([
        eb('password_hash', 'is not', null),
        eb.exists(
          eb
            .selectFrom('sessions')
            .select('sessions.person_id')
            .whereRef('sessions.person_id', '=', 'people.id')
            .where('sessions.expires_at', '>', new Date()),
        ),
      ]),
    )
    .orderBy('id')
    .forUpdate()
    .execute()
  if (admins.some(({ id, roles }) => id !== losing && roles.includes('admin'))) return
  throw new ApiError(
    'conflict',
    'Nobody else is an admin who has signed in. Make somebody an admin first, and wait until they have come.',
  )
}
