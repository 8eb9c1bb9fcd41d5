import type { z } from 'zod'
import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import { me, mePatch } from '../../contract/people.ts'
import { ApiError } from '../../errors.ts'
import type { Store } from '../../store/connect.ts'
import type { LiveConnections } from '../http/live.ts'
import { type App, type Caller, callerOf } from '../http/route.ts'
import { cookieName } from './caller.ts'
import { hashPassword, verifyPassword } from './password.ts'
import { emailTaken, personOf, personOfCaller } from './people.ts'
import { endSessionsOf, startSession } from './sessions.ts'
import { createThrottle } from './throttle.ts'

interface MeDeps {
  db: Store
  live: LiveConnections
  secure: boolean
}

/** What people change about themselves. A new password ends every other session of theirs. */
export function meRoutes(app: App, { db, live, secure }: MeDeps): void {
  const guesses = createThrottle({ freeTries: 5, longestWaitMs: 60_000 })

  app.get(
    '/api/v1/me',
    { config: { access: 'signed-in' }, schema: { tags: ['people'], response: { 200: me } } },
    async (request) => {
      const caller = callerOf(request)
      return { person: personOfCaller(caller), setupNeeded: !caller.hasPassword }
    },
  )

  app.patch(
    '/api/v1/me',
    {
      config: { access: 'signed-in' },
      bodyLimit: 8192,
      schema: { tags: ['people'], body: mePatch, response: { 200: me } },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const { body } = request
      await mustBeThemselves(caller, body)
      const hash = body.password === undefined ? null : await hashPassword(body.password)
      const { person, session } = await db
        .transaction()
        .execute(async (trx) => {
          const row = await trx
            .updateTable('people')
            .set({
              ...(body.name === undefined ? {} : { name: body.name }),
              ...(body.email === undefined ? {} : { email: body.email }),
              ...(hash === null ? { name: body.name ?? caller.name } : { password_hash: hash }),
            })
            .where('id', '=', caller.id)
            .returning(['id', 'email', 'name', 'roles', 'disabled_at', 'created_at'])
            .executeTakeFirstOrThrow()
          const person = personOf(row)
          const fields = (['name', 'email', 'password'] as const).filter((field) => body[field] !== undefined)
          await appendIn(
            trx,
            auditEvent('person.changed', {
              actor: { type: 'person', id: caller.id },
              person: caller.id,
              decision: 'allow',
              reason: 'own-account',
              correlation: request.id,
              detail: { person: caller.id, fields, roles: person.roles, disabled: person.disabled },
            }),
          )
          if (hash === null) return { person, session: null }
          await endSessionsOf(trx, caller.id)
          return { person, session: await startSession(trx, caller.id) }
        })
        .catch((error) => {
          throw emailTaken(error)
        })
      if (session) {
        live.endPerson(caller.id)
        reply.setCookie(cookieName(secure), session.secret, {
          path: '/',
          httpOnly: true,
          sameSite: 'strict',
          secure,
          expires: session.expiresAt,
        })
      }
      return { person, setupNeeded: hash === null && !caller.hasPassword }
    },
  )

  /** Whoever found an open browser or a token must not be able to take the account over. */
  async function mustBeThemselves(caller: Caller, body: z.output<typeof mePatch>) {
    if (body.password === undefined && body.email === undefined) return
    if (caller.by.type !== 'session')
      throw new ApiError('invalid_request', 'E-mail and password are changed in the browser, not with an API token.')
    if (!caller.hasPassword) return
    const waitMs = guesses.begin(caller.id)
    if (waitMs > 0) throw new ApiError('throttled', `Too many attempts. Try again in ${Math.ceil(waitMs / 1000)} s.`)
    const row = await db.selectFrom('people').select('password_hash').where('id', '=', caller.id).executeTakeFirst()
    if (!(await verifyPassword(row?.password_hash ?? null, body.currentPassword ?? ''))) {
      throw new ApiError(
        'invalid_request',
        'currentPassword: give your present password to change the e-mail address or the password.',
      )
    }
    guesses.forget(caller.id)
  }
}
