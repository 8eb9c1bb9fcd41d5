import { me, mePatch } from '../../contract/people.ts'
import type { Store } from '../../store/connect.ts'
import type { LiveConnections } from '../http/live.ts'
import { type App, askedBy, callerOf } from '../http/route.ts'
import { setSessionCookie } from './caller.ts'
import { changeOwnAccount, proveThemselves } from './me.ts'
import { personOfCaller } from './people.ts'
import { createThrottle } from './sign-in/throttle.ts'

interface MeDeps {
  db: Store
  live: LiveConnections
  secure: boolean
}

/** What people see and change about themselves. */
export function meRoutes(app: App, { db, live, secure }: MeDeps): void {
  const config = { access: 'signed-in' } as const
  const tags = ['people']
  const guesses = createThrottle({ freeTries: 5, longestWaitMs: 60_000 })

  app.get('/api/v1/me', { config, schema: { tags, response: { 200: me } } }, async (request) => {
    const caller = callerOf(request)
    return { person: personOfCaller(caller), setupNeeded: !caller.hasPassword }
  })

  app.patch(
    '/api/v1/me',
    { config, bodyLimit: 8192, schema: { tags, body: mePatch, response: { 200: me } } },
    async (request, reply) => {
      const caller = callerOf(request)
      await proveThemselves(db, guesses, caller, request.body)
      const { person, session } = await changeOwnAccount(db, caller, request.body, askedBy(request))
      if (session) {
        live.endPerson(caller.id)
        setSessionCookie(reply, session, secure)
      }
      return { person, setupNeeded: !session && !caller.hasPassword }
    },
  )
}
