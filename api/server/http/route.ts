import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, RawServerDefault } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Actor } from '../../contract/audit.ts'
import type { PersonId, TokenId } from '../../contract/ids.ts'
import type { Role } from '../../contract/people.ts'
import { ApiError } from '../../errors.ts'

/** What a domain folder's routes.ts is given: `export function somethingRoutes(app: App, deps: …)`. */
export type App = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider>

/**
 * Who may call a route. Every route declares it in `config.access`; one without it does not register.
 *   'public'      anybody
 *   'signed-in'   any signed-in person
 *   ['admin', …]  people with one of these roles
 *   'owner'       the owner of what `:id` names in /prototypes/:id or /sandboxes/:id
 *   { ownerOr: ['security', …] }  the owner, or people with one of these roles
 */
export type Access = 'public' | 'signed-in' | 'owner' | readonly Role[] | { readonly ownerOr: readonly Role[] }

/** The person behind a request. `session` is the hash that the sessions table is keyed by. */
export interface Caller {
  id: PersonId
  name: string
  email: string
  roles: Role[]
  createdAt: Date
  hasPassword: boolean
  by: { type: 'session'; session: Buffer } | { type: 'token'; token: TokenId }
}

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access
  }
  interface FastifyRequest {
    caller: Caller | null
  }
}

/** Judged by the route that answers, whatever the spelling of the address; by the address when no route was found. */
export function isApi({ routeOptions, url }: FastifyRequest): boolean {
  return [routeOptions.url, url].some((path) => path?.startsWith('/api/'))
}

/** The caller of a route whose access is not 'public'. */
export function callerOf(request: Pick<FastifyRequest, 'caller'>): Caller {
  if (!request.caller) throw new ApiError('unauthenticated', 'Sign in first.')
  return request.caller
}

/** Who asked for something, in the fields that every event about it has. */
export interface AskedBy {
  actor: Extract<Actor, { type: 'person' }>
  person: PersonId
  correlation: string
}

/** Spread it into `auditEvent`. Throws where nobody is signed in. */
export function askedBy(request: Pick<FastifyRequest, 'caller' | 'id'>): AskedBy {
  const { id } = callerOf(request)
  return { actor: { type: 'person', id }, person: id, correlation: request.id }
}
