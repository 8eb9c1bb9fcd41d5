import type { Transaction } from 'kysely'
import { z } from 'zod'
import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import { type Hold, holdScope, type StopOrder } from '../../contract/holds.ts'
import { type HoldId, holdId, personId, prototypeId, sandboxId } from '../../contract/ids.ts'
import { ApiError, notFound } from '../../errors.ts'
import { newId } from '../../ids.ts'
import type { Store } from '../../store/connect.ts'
import type { Database } from '../../store/tables.ts'
import type { AskedBy } from '../http/route.ts'
import { isPersonHeld, keepStartsOut } from './held.ts'

/** Part of the order's transaction, which has `keepStartsOut` and has looked that its target is there. */
export async function placeHold(trx: Transaction<Database>, order: StopOrder, asked: AskedBy): Promise<Hold> {
  if (order.reason === undefined) throw new Error('a hold without a reason does not parse')
  if (order.scope === 'person' && order.id === asked.person)
    throw new ApiError('conflict', 'You cannot put yourself on hold: you could not release it. Ask a colleague.')
  const id = holdId.parse(newId('ho'))
  await trx
    .insertInto('holds')
    .values({
      id,
      scope: order.scope,
      sandbox_id: order.scope === 'sandbox' ? order.id : null,
      person_id: order.scope === 'person' ? order.id : null,
      reason: order.reason,
      placed_by: asked.person,
    })
    .execute()
  const placed = await findHold(trx, id)
  if (!placed) throw new Error(`${id} was inserted and cannot be read`)
  await record(trx, 'hold.placed', placed, asked)
  return placed.view
}

/** Starts nothing: what was held stays stopped until its owner starts it. Other holds on the same thing stay. */
export function releaseHold(db: Store, id: HoldId, asked: AskedBy): Promise<void> {
  return db.transaction().execute(async (trx) => {
    await keepStartsOut(trx)
    // Who is held could otherwise let themselves go.
    if (await isPersonHeld(trx, asked.person))
      throw new ApiError('held', 'You are on hold yourself, so you cannot release anything. Ask security or an admin.')
    const placed = await findHold(trx, id)
    if (!placed) throw notFound()
    await trx.deleteFrom('holds').where('id', '=', id).execute()
    await record(trx, 'hold.released', placed, asked)
  })
}

/** Those in force, newest first. */
export async function listHolds(db: Store): Promise<Hold[]> {
  const rows = await views(db).orderBy('placed_at', 'desc').orderBy('holds.id').execute()
  return z
    .array(row)
    .parse(rows)
    .map(({ view }) => view)
}

async function findHold(db: Store, id: HoldId): Promise<Placed | null> {
  const found = await views(db).where('holds.id', '=', id).executeTakeFirst()
  return found ? row.parse(found) : null
}

function views(db: Store) {
  return db
    .selectFrom('holds')
    .innerJoin('people as placer', 'placer.id', 'holds.placed_by')
    .leftJoin('people as target', 'target.id', 'holds.person_id')
    .leftJoin('sandboxes', 'sandboxes.id', 'holds.sandbox_id')
    .leftJoin('prototypes', 'prototypes.id', 'sandboxes.prototype_id')
    .leftJoin('people as owner', 'owner.id', 'sandboxes.owner_id')
    .select(['holds.id', 'scope', 'reason', 'placed_at', 'placed_by', 'placer.name as placer'])
    .select(['sandbox_id', 'prototypes.id as prototype_id', 'prototypes.title', 'owner.name as owner'])
    .select(['person_id', 'target.name as target'])
}

const named = z.string().nullable()
const row = z
  .object({
    id: holdId,
    scope: holdScope,
    reason: z.string(),
    placed_at: z.date(),
    placed_by: personId,
    placer: z.string(),
    sandbox_id: sandboxId.nullable(),
    prototype_id: prototypeId.nullable(),
    title: named,
    owner: named,
    person_id: personId.nullable(),
    target: named,
  })
  .transform(({ sandbox_id: sandbox, person_id: person, ...read }) => {
    const view: Hold = {
      id: read.id,
      scope: read.scope,
      reason: read.reason,
      placedAt: read.placed_at.toISOString(),
      sandbox: sandbox && { id: sandbox, title: read.title ?? '', owner: read.owner ?? '' },
      person: person && { id: person, name: read.target ?? '' },
      by: { id: read.placed_by, name: read.placer },
    }
    return { view, prototype: read.prototype_id }
  })
type Placed = z.output<typeof row>

async function record(
  trx: Transaction<Database>,
  kind: 'hold.placed' | 'hold.released',
  { view, prototype }: Placed,
  asked: AskedBy,
): Promise<void> {
  const { id: hold, scope, reason: why, sandbox, person } = view
  await appendIn(
    trx,
    auditEvent(kind, {
      ...asked,
      sandbox: sandbox?.id ?? null,
      prototype,
      decision: 'allow',
      reason: kind === 'hold.placed' ? 'ordered' : 'released',
      detail: { hold, scope, target: sandbox?.id ?? person?.id ?? null, why },
    }),
  )
}
