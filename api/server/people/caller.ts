import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Store } from '../../store/connect.ts'
import type { App } from '../http/route.ts'
import { findBySession, findByToken, type StartedSession } from './sign-in/sessions.ts'

/** `__Host-` (RFC 6265bis) ties the cookie to this host and to TLS; a browser refuses it over plain HTTP. */
const cookieName = (secure: boolean) => (secure ? '__Host-backlot_session' : 'backlot_session')

const cookieOptions = (secure: boolean) => ({ path: '/', httpOnly: true, sameSite: 'strict', secure }) as const

export function setSessionCookie(reply: FastifyReply, { secret, expiresAt }: StartedSession, secure: boolean): void {
  reply.setCookie(cookieName(secure), secret, { ...cookieOptions(secure), expires: expiresAt })
}

export function clearSessionCookie(reply: FastifyReply, secure: boolean): void {
  reply.clearCookie(cookieName(secure), cookieOptions(secure))
}

/** Finds who is behind each request: a bearer token, or else the cookie. A wrong token is nobody, whatever the cookie says. */
export function recogniseCallers(
  app: App,
  { storeFor, secure }: { storeFor: (request: FastifyRequest) => Store; secure: boolean },
): void {
  app.decorateRequest('caller', null)
  app.addHook('onRequest', async (request) => {
    const db = storeFor(request)
    const { authorization } = request.headers
    if (authorization !== undefined) {
      const bearer = /^Bearer (bk_[\w-]{43})$/i.exec(authorization)?.[1]
      request.caller = bearer === undefined ? null : await findByToken(db, bearer)
      return
    }
    const session = request.cookies[cookieName(secure)]
    if (session?.match(/^bs_[\w-]{43}$/)) request.caller = await findBySession(db, session)
  })
}
