import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { type Append, appendIn } from '../../../audit/append.ts'
import { createCountedRefusals } from '../../../audit/counted.ts'
import { auditEvent } from '../../../audit/event.ts'
import { me, signIn } from '../../../contract/people.ts'
import type { Reason } from '../../../contract/reasons.ts'
import { ApiError } from '../../../errors.ts'
import type { Store } from '../../../store/connect.ts'
import { addressOf, senderOf } from '../../http/limits/sender.ts'
import type { LiveConnections } from '../../http/live.ts'
import { type App, askedBy, callerOf } from '../../http/route.ts'
import { clearSessionCookie, setSessionCookie } from '../caller.ts'
import { endSession } from './sessions.ts'
import { beginSession } from './sign-in.ts'
import { createThrottle } from './throttle.ts'

/** A minute at most for an account: a stranger who guesses must not be able to keep its owner out. */
const ACCOUNT = { freeTries: 5, longestWaitMs: 60_000 }
/** Many people may sit behind one address; this one stops guesses across accounts. */
const ADDRESS = { freeTries: 20, longestWaitMs: 15 * 60_000 }

interface SessionDeps {
  db: Store
  append: Append
  live: LiveConnections
  /** People reach this server by https: the cookie is then for TLS only. */
  secure: boolean
}

/** Signing in and out. */
export function sessionRoutes(app: App, deps: SessionDeps): void {
  signInRoute(app, deps)
  signOutRoute(app, deps)
}

function signInRoute(app: App, { db, append, live, secure }: SessionDeps): void {
  const accounts = createThrottle(ACCOUNT)
  const addresses = createThrottle(ADDRESS)
  const throttledOnes = createCountedRefusals<RefusedSignIn & { sender: string }>({
    append,
    keyOf: ({ sender, email }) => JSON.stringify([sender, email]),
    eventOf: (refused, times) => refusalEvent(refused, 'throttled', times),
    onFailure: (error) => app.log.error({ err: error }, 'a sign-in that has to wait was not recorded'),
  })
  app.addHook('onClose', () => throttledOnes.close())

  app.post(
    '/api/v1/sessions',
    {
      config: { access: 'public' },
      bodyLimit: 4096,
      schema: { tags: ['people'], body: signIn, response: { 201: me } },
    },
    async (request, reply) => {
      const credentials = request.body
      const account = 'email' in credentials ? credentials.email : null
      // An address that has to wait does not count against the account: a stranger could keep its owner out that way.
      const address = addressOf(request)
      const sender = senderOf(address)
      const senderWaitMs = addresses.begin(sender)
      const waitMs = senderWaitMs || (account === null ? 0 : accounts.begin(account))
      if (waitMs > 0) {
        // A sender that has to wait may name a new account each time: these are one refusal.
        const email = senderWaitMs > 0 ? null : account
        await throttledOnes.record({ sender, email, address, correlation: request.id })
        throw throttled(waitMs, reply)
      }
      const replaces = request.caller?.by.type === 'session' ? request.caller.by.session : null
      const started = await beginSession(db, { credentials, address, correlation: request.id, replaces })
      if (started === null) {
        const reason = account === null ? 'link-not-valid' : 'wrong-credentials'
        await append(refusalEvent({ email: account, address, correlation: request.id }, reason))
        throw new ApiError('unauthenticated', account === null ? LINK_REFUSED : PASSWORD_REFUSED)
      }
      addresses.refund(sender)
      if (account !== null) accounts.forget(account)
      if (replaces) live.endSession(replaces)
      setSessionCookie(reply, started, secure)
      return reply.code(201).send({ person: started.person, setupNeeded: !started.hasPassword })
    },
  )
}

function signOutRoute(app: App, { db, live, secure }: SessionDeps): void {
  app.delete(
    '/api/v1/sessions',
    { config: { access: 'signed-in' }, schema: { tags: ['people'], response: { 204: z.null() } } },
    async (request, reply) => {
      const caller = callerOf(request)
      if (caller.by.type !== 'session')
        throw new ApiError('conflict', 'An API token has no session. Revoke the token instead.')
      const { session } = caller.by
      await db.transaction().execute(async (trx) => {
        await endSession(trx, session)
        await appendIn(
          trx,
          auditEvent('session.ended', { ...askedBy(request), decision: 'info', reason: 'signed-out', detail: {} }),
        )
      })
      live.endSession(session)
      clearSessionCookie(reply, secure)
      return reply.code(204).send(null)
    },
  )
}

const LINK_REFUSED = 'This sign-in link was used already or is too old. Ask your admin for a new one.'
const PASSWORD_REFUSED = 'The e-mail address or the password is not right.'

interface RefusedSignIn {
  email: string | null
  address: string
  correlation: string
}

function refusalEvent({ email, address, correlation }: RefusedSignIn, reason: Reason, times = 1) {
  return auditEvent('session.refused', {
    actor: { type: 'nobody', id: 'nobody' },
    decision: 'deny',
    reason,
    correlation,
    detail: { email, address, times },
  })
}

function throttled(waitMs: number, reply: FastifyReply): ApiError {
  const seconds = Math.ceil(waitMs / 1000)
  reply.header('retry-after', seconds)
  return new ApiError('throttled', `Too many attempts. Try again in ${seconds} s.`)
}
