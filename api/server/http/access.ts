import type { FastifyRequest } from 'fastify'
import type { Append } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import type { AuditEvent } from '../../contract/audit.ts'
import { type PersonId, prototypeId, sandboxId } from '../../contract/ids.ts'
import type { Role } from '../../contract/people.ts'
import { notFound } from '../../errors.ts'
import { type Access, type App, askedBy, type Caller, callerOf } from './route.ts'

export type Owned = 'prototype' | 'sandbox'

/** Every route that was registered, in order; HEAD comes with its GET. */
export interface RouteEntry {
  method: string
  url: string
  access: Access
}
declare module 'fastify' {
  interface FastifyInstance {
    routeTable: readonly RouteEntry[]
  }
}

interface AccessDeps {
  /** Null: there is no such thing (any more). */
  ownerOf: (kind: Owned, id: string) => Promise<PersonId | null>
  append: Append
}

/** Judges every request by its route's `config.access`, before the body is read. Call before any route is registered. */
export function keepAccess(app: App, { ownerOf, append }: AccessDeps): void {
  const table: RouteEntry[] = []
  app.decorate('routeTable', table)
  app.addHook('onRoute', (route) => {
    const access = route.config?.access
    if (access === undefined)
      throw new Error(`${route.method} ${route.url} does not say who may call it (config.access).`)
    if (namesOwner(access) && !ownedBy(route.url))
      throw new Error(`${route.url}: an owner of what? See http/access.ts.`)
    for (const method of [route.method].flat()) table.push({ method, url: route.url, access })
  })

  app.addHook('onRequest', async (request) => {
    // An unknown route has no config: the not-found handler answers.
    const access = request.routeOptions.config.access
    if (access === undefined || access === 'public') return
    const caller = callerOf(request)
    if (await mayCall(access, caller, request)) return
    await append(refusal(request)).catch((error) => request.log.error({ err: error }, 'a refusal was not recorded'))
    throw notFound()
  })

  async function mayCall(access: Access, caller: Caller, request: FastifyRequest): Promise<boolean> {
    if (access === 'signed-in') return true
    if (access === 'owner') return isOwner(caller, request)
    if (access === 'public') return true
    if ('ownerOr' in access) return hasOne(caller, access.ownerOr) ? exists(request) : isOwner(caller, request)
    return hasOne(caller, access)
  }
  const ownerIn = async (request: FastifyRequest) => {
    const kind = ownedBy(request.routeOptions.url ?? '')
    const id = kind && idIn(kind, request.params)
    return kind && id ? ownerOf(kind, id) : null
  }
  /** Who is no pm any more has lost what they made too; security and admins can still stop it. */
  const isOwner = async (caller: Caller, request: FastifyRequest) =>
    hasOne(caller, ['pm']) && (await ownerIn(request)) === caller.id
  const exists = async (request: FastifyRequest) => (await ownerIn(request)) !== null
}

const namesOwner = (access: Access) => access === 'owner' || (typeof access === 'object' && 'ownerOr' in access)
const hasOne = (caller: Caller, roles: readonly Role[]) => roles.some((role) => caller.roles.includes(role))

function ownedBy(url: string): Owned | null {
  if (/^\/api\/v1\/prototypes\/:id(\/|$)/.test(url)) return 'prototype'
  if (/^\/api\/v1\/sandboxes\/:id(\/|$)/.test(url)) return 'sandbox'
  return null
}

function idIn(kind: Owned, params: unknown): string | null {
  if (typeof params !== 'object' || params === null || !('id' in params)) return null
  const read = (kind === 'prototype' ? prototypeId : sandboxId).safeParse(params.id)
  return read.success ? read.data : null
}

function refusal(request: FastifyRequest): AuditEvent {
  return auditEvent('request.refused', {
    ...askedBy(request),
    ...tried(request),
    decision: 'deny',
    reason: 'not-permitted',
    detail: { method: request.method, route: request.routeOptions.url ?? '' },
  })
}

/** What somebody wanted that is not theirs; whether there is such a thing is not looked up for it. */
function tried(request: FastifyRequest) {
  const kind = ownedBy(request.routeOptions.url ?? '')
  return kind === null ? {} : { [kind]: idIn(kind, request.params) }
}
