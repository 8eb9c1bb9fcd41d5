import type { FastifyRequest } from 'fastify'
import type { Append } from '../../audit/append.ts'
import { type PersonId, type PrototypeId, prototypeId, type SandboxId, sandboxId } from '../../contract/ids.ts'
import type { Role } from '../../contract/people.ts'
import { notFound } from '../../errors.ts'
import { createRefusals, type Refused } from './refusals.ts'
import { type Access, type App, askedBy, type Caller, callerOf } from './route.ts'

export type OwnedKind = 'prototype' | 'sandbox'

/** Whose something is, or was before they removed it. */
export interface Ownership {
  owner: PersonId
  removed: boolean
}

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
  /** Null: there never was such a thing. */
  ownershipOf: (request: FastifyRequest, kind: OwnedKind, id: string) => Promise<Ownership | null>
  append: Append
}

/** Judges every request by its route's `config.access`, before the body is read. Call before any route is registered. */
export function keepAccess(app: App, { ownershipOf, append }: AccessDeps): void {
  const table: RouteEntry[] = []
  app.decorate('routeTable', table)
  app.addHook('onRoute', (route) => {
    const access = route.config?.access
    if (access === undefined)
      throw new Error(`${route.method} ${route.url} does not say who may call it (config.access).`)
    if (namesOwner(access) && !ownedKindOf(route.url))
      throw new Error(`${route.url}: an owner of what? See http/access.ts.`)
    for (const method of [route.method].flat()) table.push({ method, url: route.url, access })
  })

  const refusals = createRefusals({
    append,
    onFailure: (error) => app.log.error({ err: error }, 'a refusal was not recorded'),
  })
  app.addHook('onClose', () => refusals.close())

  app.addHook('onRequest', async (request) => {
    // An unknown route has no config: the not-found handler answers.
    const access = request.routeOptions.config.access
    if (access === undefined || access === 'public') return
    const caller = callerOf(request)
    const target = namesOwner(access) ? targetOf(request) : null
    const ownership = target?.id ? await ownershipOf(request, target.kind, target.id) : null
    if (mayCall(access, caller, ownership)) return
    // What somebody removed themselves is missing, not forbidden. The answer is the same (law 10); nothing is held against them.
    if (!(ownership?.removed && isOwner(caller, ownership))) await refusals.record(refusedIn(request))
    throw notFound()
  })
}

function mayCall(access: Access, caller: Caller, ownership: Ownership | null): boolean {
  if (access === 'public' || access === 'signed-in') return true
  const isThere = ownership !== null && !ownership.removed
  if (access === 'owner') return isThere && isOwner(caller, ownership)
  if ('ownerOr' in access) return isThere && (hasOne(caller, access.ownerOr) || isOwner(caller, ownership))
  return hasOne(caller, access)
}

const namesOwner = (access: Access) => access === 'owner' || (typeof access === 'object' && 'ownerOr' in access)
/** Who is no pm any more has lost what they made too; security and admins can still stop it. */
const isOwner = (caller: Caller, { owner }: Ownership) => hasOne(caller, ['pm']) && owner === caller.id
const hasOne = (caller: Caller, roles: readonly Role[]) => roles.some((role) => caller.roles.includes(role))

function ownedKindOf(url: string): OwnedKind | null {
  if (/^\/api\/v1\/prototypes\/:id(\/|$)/.test(url)) return 'prototype'
  if (/^\/api\/v1\/sandboxes\/:id(\/|$)/.test(url)) return 'sandbox'
  return null
}

/** What a request is about. `id` is null when the address does not hold a valid id. */
function targetOf(request: FastifyRequest): { kind: OwnedKind; id: PrototypeId | SandboxId | null } | null {
  const kind = ownedKindOf(request.routeOptions.url ?? '')
  return kind && { kind, id: idIn(kind, request.params) }
}

function idIn(kind: OwnedKind, params: unknown): PrototypeId | SandboxId | null {
  if (typeof params !== 'object' || params === null || !('id' in params)) return null
  const read = (kind === 'prototype' ? prototypeId : sandboxId).safeParse(params.id)
  return read.success ? read.data : null
}

function refusedIn(request: FastifyRequest): Refused {
  const target = targetOf(request)
  return {
    ...askedBy(request),
    ...(target ? { [target.kind]: target.id } : {}),
    method: request.method,
    route: request.routeOptions.url ?? '',
  }
}
