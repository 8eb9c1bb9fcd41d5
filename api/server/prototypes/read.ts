import { type ExpressionBuilder, sql } from 'kysely'
import { jsonArrayFrom } from 'kysely/helpers/postgres'
import { z } from 'zod'
import { type PersonId, personId, prototypeId, sandboxId } from '../../contract/ids.ts'
import { rebuildReason } from '../../contract/in-force.ts'
import { policyInForce } from '../../contract/policy.ts'
import { runtime } from '../../contract/programs/runner.ts'
import { dataLabel, type PrototypeView, proof, sandboxState } from '../../contract/prototypes.ts'
import { ApiError } from '../../errors.ts'
import { policyChange, refOf } from '../../policy/change.ts'
import type { Store } from '../../store/connect.ts'
import type { Database } from '../../store/tables.ts'
import type { OwnedKind, Ownership } from '../http/access.ts'
import { noticeRow } from '../stops/held.ts'

const row = z.object({
  id: prototypeId,
  title: z.string(),
  hypothesis: z.string(),
  label: dataLabel,
  owner_id: personId,
  owner_name: z.string(),
  created_at: z.date(),
  sandbox: sandboxId,
  state: sandboxState,
  detail: z.string().nullable(),
  progress: z.strictObject({ step: z.int(), steps: z.int() }).nullable(),
  runtime,
  policy_name: z.string(),
  policy_version: z.int(),
  container_version: z.int().nullable(),
  rebuilt_for: rebuildReason.nullable(),
  made_by: policyInForce.nullable(),
  judged_by: policyInForce.nullable(),
  proof: proof.nullable(),
  holds: z.array(noticeRow),
})

function viewOf(raw: unknown): PrototypeView {
  const read = row.parse(raw)
  const { id, title, hypothesis, label, state, detail, progress } = read
  return {
    id,
    title,
    hypothesis,
    label,
    owner: { id: read.owner_id, name: read.owner_name },
    createdAt: read.created_at.toISOString(),
    sandbox: {
      id: read.sandbox,
      state,
      detail,
      progress,
      runtime: read.runtime,
      policy: refOf(read.policy_name, read.policy_version, read.container_version),
      waiting: read.made_by && read.judged_by ? policyChange(read.made_by, read.judged_by).changes : null,
      rebuiltFor: read.rebuilt_for,
      proof: read.proof,
      holds: read.holds,
    },
  }
}

/** Prototypes that exist, each with the newest of its sandboxes. */
function views(db: Store) {
  return db
    .selectFrom('prototypes')
    .innerJoin('people', 'people.id', 'prototypes.owner_id')
    .innerJoin('sandboxes', 'sandboxes.prototype_id', 'prototypes.id')
    .where('removed_at', 'is', null)
    .where('sandboxes.id', '=', (eb) => newestSandbox(eb))
    .select(['prototypes.id', 'title', 'hypothesis', 'label', 'prototypes.owner_id', 'people.name as owner_name'])
    .select(['prototypes.created_at', 'sandboxes.id as sandbox', 'state', 'detail', 'progress', 'runtime'])
    .select(['policy_name', 'policy_version', 'container_version', 'rebuilt_for', 'proof'])
    .select((eb) => [bodyOf(eb, 'sandboxes.container_version').as('made_by')])
    .select((eb) => [bodyOf(eb, 'sandboxes.policy_version').as('judged_by')])
    .select((eb) => holdsOf(eb).as('holds'))
}

function holdsOf(eb: ExpressionBuilder<Database, 'sandboxes'>) {
  return jsonArrayFrom(
    eb
      .selectFrom('sandboxes_held')
      .innerJoin('holds', 'holds.id', 'sandboxes_held.hold_id')
      .innerJoin('people as placer', 'placer.id', 'holds.placed_by')
      .whereRef('sandboxes_held.sandbox_id', '=', 'sandboxes.id')
      .select(['holds.scope', 'holds.reason', 'holds.placed_at', 'placer.name', 'placer.email'])
      .orderBy('holds.placed_at')
      .orderBy('holds.id'),
  )
}
/** Null unless something waits for the sandbox: nobody else is asked for whole policies. */
function bodyOf(
  eb: ExpressionBuilder<Database, 'prototypes' | 'sandboxes'>,
  version: 'sandboxes.container_version' | 'sandboxes.policy_version',
) {
  return eb
    .selectFrom('policies')
    .select('policies.body')
    .whereRef('policies.name', '=', 'sandboxes.policy_name')
    .whereRef('policies.version', '=', version)
    .where('sandboxes.container_version', 'is not', null)
}

function newestSandbox(eb: ExpressionBuilder<Database, 'prototypes' | 'sandboxes'>) {
  return eb
    .selectFrom('sandboxes as newest')
    .select('newest.id')
    .whereRef('newest.prototype_id', '=', 'prototypes.id')
    .orderBy('newest.created_at', 'desc')
    .limit(1)
}

export async function findPrototype(db: Store, id: string): Promise<PrototypeView | null> {
  const found = await views(db).where('prototypes.id', '=', id).executeTakeFirst()
  return found ? viewOf(found) : null
}

/** The latest moment that a Date can hold, in ms (ECMA-262 section 21.4.1.1). */
const LATEST_MS = 8_640_000_000_000_000
const place = z.tuple([z.coerce.number().int().min(0).max(LATEST_MS), prototypeId])

interface PageOf {
  limit: number
  /** From the page before. */
  cursor: string | null
}

/** A person's prototypes, newest first. */
export function listPrototypes(db: Store, owner: PersonId, page: PageOf) {
  return pageOf(views(db).where('prototypes.owner_id', '=', owner), page)
}

/** Everybody's prototypes whose sandbox exists in the engine and can be stopped, newest first. */
export function listRunning(db: Store, page: PageOf) {
  return pageOf(views(db).where('state', 'not in', ['stopped', 'failed', 'lost', 'removed']), page)
}

async function pageOf(chosen: ReturnType<typeof views>, { limit, cursor }: PageOf) {
  const after = cursor === null ? null : placeOf(cursor)
  const page = after
    ? chosen.where(sql<boolean>`(prototypes.created_at, prototypes.id) < (${after.at}, ${after.id})`)
    : chosen
  const rows = await page
    .orderBy('prototypes.created_at', 'desc')
    .orderBy('prototypes.id', 'desc')
    .limit(limit + 1)
    .execute()
  const items = rows.slice(0, limit).map(viewOf)
  const last = items.at(-1)
  const more = rows.length > limit && last !== undefined
  return { items, cursor: more ? Buffer.from(`${Date.parse(last.createdAt)}.${last.id}`).toString('base64url') : null }
}

function placeOf(cursor: string) {
  const read = place.safeParse(Buffer.from(cursor, 'base64url').toString('utf8').split('.'))
  if (!read.success) throw new ApiError('invalid_request', 'cursor: take it from the answer before.')
  const [at, id] = read.data
  return { at: new Date(at), id }
}

/** Whose a prototype or a sandbox is, or was; null when there never was one. */
export async function ownershipOf(db: Store, kind: OwnedKind, id: string): Promise<Ownership | null> {
  if (kind === 'prototype') {
    const row = await db
      .selectFrom('prototypes')
      .select(['owner_id', 'removed_at'])
      .where('id', '=', id)
      .executeTakeFirst()
    return row ? { owner: personId.parse(row.owner_id), removed: row.removed_at !== null } : null
  }
  const row = await db.selectFrom('sandboxes').select(['owner_id', 'state']).where('id', '=', id).executeTakeFirst()
  return row ? { owner: personId.parse(row.owner_id), removed: row.state === 'removed' } : null
}
