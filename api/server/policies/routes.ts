import { z } from 'zod'
import { slug } from '../../contract/ids.ts'
import { policyCheck, policyList, policyPublished, policySource, policyView } from '../../contract/policy.ts'
import { notFound } from '../../errors.ts'
import type { Store } from '../../store/connect.ts'
import { type App, callerOf } from '../http/route.ts'
import type { Sandboxes } from '../sandboxes/sandboxes.ts'
import type { Library } from './library.ts'
import { publishPolicy } from './publish.ts'
import { listPolicies, readVersion, readWithHistory } from './read.ts'

interface PoliciesDeps {
  db: Store
  library: Library
  sandboxes: Pick<Sandboxes, 'rebuild'>
}

/** Admin › Policies: what is in force, and how it came to be. Who makes prototypes may see what they may choose from. */
export function policiesRoutes(app: App, { db, library, sandboxes }: PoliciesDeps): void {
  const tags = ['policies']
  const params = z.strictObject({ name: slug })

  app.get(
    '/api/v1/policies',
    { config: { access: 'signed-in' }, schema: { tags, response: { 200: policyList } } },
    async () => ({ items: await listPolicies(db) }),
  )

  app.get(
    '/api/v1/policies/:name',
    { config: { access: ['admin', 'security'] }, schema: { tags, params, response: { 200: policyView } } },
    async (request) => {
      const found = await readWithHistory(db, request.params.name)
      if (!found) throw notFound()
      return found
    },
  )

  app.post(
    '/api/v1/policies/check',
    { config: { access: ['admin'] }, schema: { tags, body: policySource, response: { 200: policyCheck } } },
    async (request) => {
      const judged = await library.judge(request.body.yaml, 1)
      if (!judged.ok) return { ok: false, problems: judged.problems, notes: [], policy: null }
      const version = (await readVersion(db, judged.policy.name)) + 1
      return { ok: true, problems: [], notes: judged.notes, policy: { ...judged.policy, version } }
    },
  )

  app.post(
    '/api/v1/policies/:name/publish',
    {
      config: { access: ['admin'] },
      schema: { tags, params, body: policySource, response: { 200: policyPublished } },
    },
    async (request) =>
      publishPolicy(db, {
        yaml: request.body.yaml,
        library,
        origin: 'api',
        person: callerOf(request).id,
        name: request.params.name,
        rebuild: (id) => void sandboxes.rebuild(id, 'policy-narrowed'),
      }),
  )
}
