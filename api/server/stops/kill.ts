import type { Transaction } from 'kysely'
import { z } from 'zod'
import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import type { Hold, StopOrder } from '../../contract/holds.ts'
import { prototypeId, type SandboxId, sandboxId } from '../../contract/ids.ts'
import type { KillOrder } from '../../contract/programs/gateway.ts'
import { notFound } from '../../errors.ts'
import type { Store } from '../../store/connect.ts'
import type { Database } from '../../store/tables.ts'
import type { AskedBy } from '../http/route.ts'
import type { GatewayClient } from '../nodes/gateway.ts'
import { findPerson } from '../people/people.ts'
import { isDown, stoppedFrom } from '../sandboxes/lifecycle.ts'
import type { Sandboxes } from '../sandboxes/sandboxes.ts'
import { lockSandbox, transitionTo } from '../sandboxes/transition.ts'
import { keepStartsOut } from './held.ts'
import { placeHold } from './holds.ts'

interface KillDeps {
  db: Store
  gateway: Pick<GatewayClient, 'kill'>
  sandboxes: Pick<Sandboxes, 'endProcesses'>
}

export interface OrderedBy {
  asked: AskedBy
  /** For the people whose sandboxes are stopped. */
  name: string
}

/**
 * Stops what an order covers, and puts it on hold where the order says so. First, in one transaction, the order, the hold, the
 * new states and their events: from the commit on the gateway judges nothing for them. Then the gateway cuts what is open, once
 * for the whole order, while the containers are stopped.
 */
export async function kill(
  { db, gateway, sandboxes }: KillDeps,
  order: StopOrder,
  by: OrderedBy,
): Promise<Hold | null> {
  const { stopped, hold } = await db.transaction().execute(async (trx) => {
    if (order.hold) await keepStartsOut(trx)
    const rows = await covered(trx, order)
    await recordOrder(trx, order, rows, by)
    const hold = order.hold ? await placeHold(trx, order, by.asked) : null
    return { stopped: await stopAll(trx, rows, order, by), hold }
  })
  for (const id of stopped) void sandboxes.endProcesses(id)
  // If the gateway is away, so are its connections; when it comes back it reads the new states.
  await gateway.kill(wireOrder(order)).catch(() => undefined)
  return hold
}

/** Without what is for people. */
function wireOrder({ hold: _hold, reason: _reason, ...order }: StopOrder): KillOrder {
  return order
}

/** What an order covers, in the order in which it is locked. Throws where there is nothing of that name, or never was. */
async function covered(trx: Transaction<Database>, order: StopOrder): Promise<CoveredSandbox[]> {
  const all = trx.selectFrom('sandboxes').select(['id', 'prototype_id']).where('state', '!=', 'removed').orderBy('id')
  if (order.scope === 'everything') return coveredRows.parse(await all.execute())
  if (order.scope === 'person') {
    if (!(await findPerson(trx, order.id))) throw notFound()
    return coveredRows.parse(await all.where('owner_id', '=', order.id).execute())
  }
  const rows = coveredRows.parse(await all.where('id', '=', order.id).execute())
  if (rows.length === 0) throw notFound()
  return rows
}
const coveredRows = z.array(z.object({ id: sandboxId, prototype_id: prototypeId }))
type CoveredSandbox = z.output<typeof coveredRows>[number]

async function recordOrder(
  trx: Transaction<Database>,
  order: StopOrder,
  rows: readonly CoveredSandbox[],
  { asked }: OrderedBy,
): Promise<void> {
  const [only] = order.scope === 'sandbox' ? rows : []
  const target = order.scope === 'everything' ? null : order.id
  await appendIn(
    trx,
    auditEvent('kill.ordered', {
      ...asked,
      ...(only ? { sandbox: only.id, prototype: only.prototype_id } : {}),
      decision: 'allow',
      reason: 'ordered',
      detail: { scope: order.scope, target, why: order.reason ?? null },
    }),
  )
}

async function stopAll(
  trx: Transaction<Database>,
  rows: readonly CoveredSandbox[],
  { hold, reason }: StopOrder,
  { asked, name }: OrderedBy,
): Promise<SandboxId[]> {
  const what = hold ? 'Put on hold' : 'Stopped'
  const detail = reason === undefined ? `${what} by ${name}.` : `${what} by ${name}: ${reason}`
  const stopped: SandboxId[] = []
  for (const { id } of rows) {
    const row = await lockSandbox(trx, id)
    if (!row || isDown(row.state)) continue
    await transitionTo(trx, row, stoppedFrom(row.state), { ...asked, reason: 'killed', detail })
    stopped.push(id)
  }
  return stopped
}
