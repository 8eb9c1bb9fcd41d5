import type { FastifyRequest } from 'fastify'
import type { Transaction } from 'kysely'
import { z } from 'zod'
import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import { type PersonId, personId } from '../../contract/ids.ts'
import { invite, invited, type Person, peopleList, person, personPatch } from '../../contract/people.ts'
import type { Reason } from '../../contract/reasons.ts'
import { notFound } from '../../errors.ts'
import { newId } from '../../ids.ts'
import type { Store } from '../../store/connect.ts'
import type { Database } from '../../store/tables.ts'
import type { LiveConnections } from '../http/live.ts'
import { type App, callerOf } from '../http/route.ts'
import { emailTaken, findPerson, keepOneAdmin, listPeople } from './people.ts'
import { endSessionsOf } from './sessions.ts'
import { createLink, type Link } from './sign-in-links.ts'

interface PeopleDeps {
  db: Store
  live: LiveConnections
  /** Stops a person's sandboxes, on behalf of the caller of the request; called when the person is disabled. */
  stopAllOf: (person: PersonId, request: FastifyRequest) => Promise<void>
  /** The origin that people type, for links. */
  originFor: (request: FastifyRequest) => string
}

/** Admin › People. Nobody is ever deleted: the log names them. */
export function peopleRoutes(app: App, { db, live, stopAllOf, originFor }: PeopleDeps): void {
  const config = { access: ['admin'] } as const
  const params = z.strictObject({ id: personId })

  app.get('/api/v1/people', { config, schema: { tags: ['people'], response: { 200: peopleList } } }, async () => ({
    items: await listPeople(db),
  }))

  app.post(
    '/api/v1/people',
    { config, schema: { tags: ['people'], body: invite, response: { 201: invited } } },
    async (request, reply) => {
      const { email, name, roles } = request.body
      const id = personId.parse(newId('pe'))
      const made = await db
        .transaction()
        .execute(async (trx) => {
          await trx
            .insertInto('people')
            .values({ id, email, name, roles: [...new Set(roles)], password_hash: null, disabled_at: null })
            .execute()
          return linkFor(trx, request, id, 'invited')
        })
        .catch((error) => {
          throw emailTaken(error)
        })
      return reply.code(201).send(answerOf(made, request))
    },
  )

  app.patch(
    '/api/v1/people/:id',
    { config, schema: { tags: ['people'], params, body: personPatch, response: { 200: person } } },
    async (request) => {
      const { name, roles, disabled } = request.body
      const { id } = request.params
      const { changed, lessAllowed } = await db.transaction().execute(async (trx) => {
        const before = await findPerson(trx, id, { forUpdate: true })
        if (!before) throw notFound()
        const after = {
          name: name ?? before.name,
          roles: [...new Set(roles ?? before.roles)],
          disabled: disabled ?? before.disabled,
        }
        const wasAdmin = before.roles.includes('admin') && !before.disabled
        if (wasAdmin && (after.disabled || !after.roles.includes('admin'))) await keepOneAdmin(trx, id)
        const disabledAt = after.disabled ? new Date() : null
        await trx
          .updateTable('people')
          .set({ name: after.name, roles: after.roles, disabled_at: disabledAt })
          .where('id', '=', id)
          .execute()
        const lessAllowed = after.disabled || before.roles.some((role) => !after.roles.includes(role))
        if (lessAllowed) await endSessionsOf(trx, id)
        if (after.disabled) await endTokensAndLinksOf(trx, id)
        await appendIn(trx, changeOf(request, id, after))
        return { changed: { ...before, ...after }, lessAllowed }
      })
      if (lessAllowed) live.endPerson(id)
      if (changed.disabled && disabled) await stopAllOf(id, request)
      return changed
    },
  )

  /** Somebody lost the way in: the password is taken away, every session ends, and a new link is made. */
  app.post(
    '/api/v1/people/:id/link',
    { config, schema: { tags: ['people'], params, response: { 201: invited } } },
    async (request, reply) => {
      const { id } = request.params
      const made = await db.transaction().execute(async (trx) => {
        const found = await findPerson(trx, id, { forUpdate: true })
        if (!found || found.disabled) throw notFound()
        await trx.updateTable('people').set({ password_hash: null }).where('id', '=', id).execute()
        await endSessionsOf(trx, id)
        return linkFor(trx, request, id, 'new-link')
      })
      live.endPerson(id)
      return reply.code(201).send(answerOf(made, request))
    },
  )

  function answerOf({ link, person }: { link: Link; person: Person }, request: FastifyRequest) {
    // The token is in the fragment: browsers send it to no server, so no log or proxy can hold it.
    return {
      person,
      link: `${originFor(request)}/sign-in#token=${link.token}`,
      expiresAt: link.expiresAt.toISOString(),
    }
  }
}

/** For good: whoever is let back in may have been disabled because one of them was stolen. */
async function endTokensAndLinksOf(trx: Transaction<Database>, id: PersonId): Promise<void> {
  const revoked = { revoked_at: new Date() }
  await trx.updateTable('api_tokens').set(revoked).where('person_id', '=', id).where('revoked_at', 'is', null).execute()
  await trx.deleteFrom('sign_in_links').where('person_id', '=', id).where('used_at', 'is', null).execute()
}

async function linkFor(trx: Transaction<Database>, request: FastifyRequest, id: PersonId, reason: Reason) {
  const person = await findPerson(trx, id)
  if (!person) throw notFound()
  const by = { actor: { type: 'person', id: callerOf(request).id }, reason, correlation: request.id } as const
  return { person, link: await createLink(trx, person, by) }
}

function changeOf(request: FastifyRequest, id: PersonId, after: Pick<Person, 'name' | 'roles' | 'disabled'>) {
  const caller = callerOf(request)
  const fields = ['name', 'roles', 'disabled'].filter((field) => Object.hasOwn(Object(request.body), field))
  return auditEvent('person.changed', {
    actor: { type: 'person', id: caller.id },
    person: caller.id,
    decision: 'allow',
    reason: 'by-admin',
    correlation: request.id,
    detail: { person: id, fields, roles: after.roles, disabled: after.disabled },
  })
}
