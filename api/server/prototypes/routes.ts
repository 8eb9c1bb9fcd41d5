import { z } from 'zod'
import { prototypeId } from '../../contract/ids.ts'
import { prototypeCreate, prototypeList, prototypeView } from '../../contract/prototypes.ts'
import { notFound } from '../../errors.ts'
import type { Store } from '../../store/connect.ts'
import { page } from '../http/page.ts'
import { type App, askedBy, callerOf } from '../http/route.ts'
import type { Sandboxes } from '../sandboxes/sandboxes.ts'
import { type CreateDeps, createPrototype } from './create.ts'
import { findPrototype, listPrototypes, listRunning } from './read.ts'
import { removePrototype } from './remove.ts'

/** Printable ASCII: draft-ietf-httpapi-idempotency-key-header. Other headers are none of this route's business. */
const idempotency = z.object({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,200}$/, 'Use 1 to 200 visible ASCII characters.')
    .optional(),
})
const byId = z.strictObject({ id: prototypeId })

interface PrototypeRouteDeps {
  db: Store
  sandboxes: Sandboxes
  chooseGateway: CreateDeps['chooseGateway']
}

export function prototypeRoutes(app: App, { db, sandboxes, chooseGateway }: PrototypeRouteDeps): void {
  const tags = ['prototypes']

  app.post(
    '/api/v1/prototypes',
    {
      config: { access: ['pm'], needsRoom: true },
      schema: { tags, headers: idempotency, body: prototypeCreate, response: { 201: prototypeView } },
    },
    async (request, reply) => {
      const key = request.headers['idempotency-key'] ?? null
      const command = { asked: askedBy(request), body: request.body, key }
      const { view, isNew } = await createPrototype({ db, chooseGateway }, command)
      if (isNew) sandboxes.makeReady(view.sandbox.id)
      return reply.code(201).send(view)
    },
  )

  app.get(
    '/api/v1/prototypes',
    { config: { access: 'signed-in' }, schema: { tags, querystring: page, response: { 200: prototypeList } } },
    (request) => {
      const { limit, cursor } = request.query
      return listPrototypes(db, callerOf(request).id, { limit, cursor: cursor ?? null })
    },
  )

  /** What runs, whoever owns it: for those who can stop it. */
  app.get(
    '/api/v1/sandboxes',
    {
      config: { access: ['security', 'admin'] },
      schema: { tags: ['sandboxes'], querystring: page, response: { 200: prototypeList } },
    },
    ({ query: { limit, cursor } }) => listRunning(db, { limit, cursor: cursor ?? null }),
  )

  app.get(
    '/api/v1/prototypes/:id',
    {
      config: { access: { ownerOr: ['security', 'admin'] } },
      schema: { tags, params: byId, response: { 200: prototypeView } },
    },
    async ({ params }) => {
      const view = await findPrototype(db, params.id)
      if (!view) throw notFound()
      return view
    },
  )

  app.delete(
    '/api/v1/prototypes/:id',
    { config: { access: 'owner' }, schema: { tags, params: byId, response: { 204: z.null() } } },
    async (request, reply) => {
      const sandbox = await removePrototype(db, request.params.id, askedBy(request))
      await sandboxes.afterRemove(sandbox)
      return reply.code(204).send(null)
    },
  )
}
