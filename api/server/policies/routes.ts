import { z } from 'zod'
import { slug } from '../../contract/ids.ts'
import {
  policyCheck,
  policyInForce,
  policyList,
  policyPublished,
  policySource,
  policyView,
} from '../../contract/policy.ts'
import { notFound } from '../../errors.ts'
import type { Store } from '../../store/connect.ts'
import { type App, callerOf } from '../http/route.ts'
import type { Library } from './library.ts'
import { publishPolicy } from './publish.ts'

interface PoliciesDeps {
  db: Store
  library: Library
}

/** Admin › Policies: what is in force, and how it came to be. Who makes prototypes may see what they may choose from. */
export function policiesRoutes(app: App, { db, library }: PoliciesDeps): void {
  const params = z.strictObject({ name: slug })
  const versions = db
    .selectFrom('policies')
    .leftJoin('people', 'people.id', 'policies.created_by')
    .select([
      'policies.name',
      'policies.version',
      'policies.hash',
      'policies.body',
      'policies.source',
      'policies.origin',
      'policies.created_at',
      'people.name as by',
    ])

  app.get(
    '/api/v1/policies',
    { config: { access: 'signed-in' }, schema: { tags: ['policies'], response: { 200: policyList } } },
    async () => {
      const rows = await db
        .selectFrom('policies_in_force')
        .select(['name', 'version', 'hash', 'origin', 'created_at', 'body'])
        .orderBy('name')
        .execute()
      return {
        items: rows.map(({ name, version, hash, origin, created_at, body }) => ({
          name,
          version,
          hash,
          origin,
          createdAt: created_at.toISOString(),
          description: policyInForce.parse(body).description,
        })),
      }
    },
  )

  app.get(
    '/api/v1/policies/:name',
    {
      config: { access: ['admin', 'security'] },
      schema: { tags: ['policies'], params, response: { 200: policyView } },
    },
    async ({ params: { name } }) => {
      const rows = await versions
        .where('policies.name', '=', name)
        .orderBy('policies.version', 'desc')
        .limit(100)
        .execute()
      const newest = rows[0]
      if (!newest) throw notFound()
      return {
        policy: policyInForce.parse(newest.body),
        source: newest.source,
        history: rows.map(({ version, hash, origin, created_at, by }) => ({
          version,
          hash,
          origin,
          by,
          createdAt: created_at.toISOString(),
        })),
      }
    },
  )

  app.post(
    '/api/v1/policies/check',
    {
      config: { access: ['admin'] },
      schema: { tags: ['policies'], body: policySource, response: { 200: policyCheck } },
    },
    async ({ body: { yaml } }) => {
      const judged = await library.judge(yaml, 1)
      if (!judged.ok) return { ok: false, problems: judged.problems, notes: [], policy: null }
      const { name } = judged.policy
      const newest = await db
        .selectFrom('policies_in_force')
        .select('version')
        .where('name', '=', name)
        .executeTakeFirst()
      return {
        ok: true,
        problems: [],
        notes: judged.notes,
        policy: { ...judged.policy, version: (newest?.version ?? 0) + 1 },
      }
    },
  )

  app.post(
    '/api/v1/policies/:name/publish',
    {
      config: { access: ['admin'] },
      schema: { tags: ['policies'], params, body: policySource, response: { 200: policyPublished } },
    },
    async (request) =>
      publishPolicy(db, {
        yaml: request.body.yaml,
        library,
        origin: 'api',
        person: callerOf(request).id,
        name: request.params.name,
      }),
  )
}
