import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { type PersonId, personId } from '../../contract/ids.ts'
import { invite, invited, type Person, peopleList, person, personPatch } from '../../contract/people.ts'
import type { Store } from '../../store/connect.ts'
import type { LiveConnections } from '../http/live.ts'
import { type App, askedBy } from '../http/route.ts'
import { changePerson, invitePerson, readmitPerson } from './change.ts'
import { listPeople } from './people.ts'
import type { SignInLink } from './sign-in/links.ts'

interface PeopleDeps {
  db: Store
  live: LiveConnections
  /** Stops a person's sandboxes, on behalf of the caller of the request; called when the person may run nothing any more. */
  stopAllOf: (person: PersonId, request: FastifyRequest) => Promise<unknown>
  /** The origin that people type, for links. */
  originFor: (request: FastifyRequest) => string
}

/** Admin › People. Nobody is ever deleted: the log names them. */
export function peopleRoutes(app: App, { db, live, stopAllOf, originFor }: PeopleDeps): void {
  const config = { access: ['admin'] } as const
  const tags = ['people']
  const params = z.strictObject({ id: personId })

  app.get('/api/v1/people', { config, schema: { tags, response: { 200: peopleList } } }, async () => ({
    items: await listPeople(db),
  }))

  app.post(
    '/api/v1/people',
    { config, schema: { tags, body: invite, response: { 201: invited } } },
    async (request, reply) => {
      const made = await invitePerson(db, request.body, askedBy(request))
      return reply.code(201).send(answerOf(made, request))
    },
  )

  app.patch(
    '/api/v1/people/:id',
    { config, schema: { tags, params, body: personPatch, response: { 200: person } } },
    async (request) => {
      const { id } = request.params
      const changed = await changePerson(db, id, request.body, askedBy(request))
      if (changed.lessAllowed) live.endPerson(id)
      if (changed.mustStop) await stopAllOf(id, request)
      return changed.person
    },
  )

  app.post(
    '/api/v1/people/:id/link',
    { config, schema: { tags, params, response: { 201: invited } } },
    async (request, reply) => {
      const { id } = request.params
      const made = await readmitPerson(db, id, askedBy(request))
      live.endPerson(id)
      return reply.code(201).send(answerOf(made, request))
    },
  )

  function answerOf({ link, person }: { link: SignInLink; person: Person }, request: FastifyRequest) {
    // The token is in the fragment: browsers send it to no server, so no log or proxy can hold it.
    return {
      person,
      link: `${originFor(request)}/sign-in#token=${link.token}`,
      expiresAt: link.expiresAt.toISOString(),
    }
  }
}
