import { z } from 'zod'
import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import { prototypeId, type SandboxId, sandboxId } from '../../contract/ids.ts'
import type { KillOrder } from '../../contract/programs/gateway.ts'
import type { SandboxState } from '../../contract/prototypes.ts'
import { notFound } from '../../errors.ts'
import type { Store } from '../../store/connect.ts'
import type { AskedBy } from '../http/route.ts'
import type { GatewayClient } from '../nodes/gateway.ts'
import { type Sandboxes, stoppedFrom } from './sandboxes.ts'
import { lockSandbox, transitionTo } from './transition.ts'

interface KillDeps {
  db: Store
  gateway: Pick<GatewayClient, 'kill'>
  sandboxes: Pick<Sandboxes, 'afterStop'>
}

const RUNS: readonly SandboxState[] = ['building', 'starting', 'proving', 'ready', 'claimed', 'paused']

/**
 * Stops what an order covers. First, in one transaction, the order, the new states and their events: from the commit on the
 * gateway judges nothing for them. Then the gateway cuts what is open; the containers are stopped after the answer.
 */
export async function kill(
  { db, gateway, sandboxes }: KillDeps,
  order: KillOrder,
  asked: AskedBy,
  /** Who stops it, for the people whose sandboxes are stopped. */
  by: string,
): Promise<void> {
  const stopped = await db.transaction().execute(async (trx) => {
    const rows = await covered(trx, order).execute()
    const [only] = order.scope === 'sandbox' ? rows : []
    if (order.scope === 'sandbox' && !only) throw notFound()
    await appendIn(
      trx,
      auditEvent('kill.ordered', {
        ...asked,
        ...(only ? { sandbox: sandboxId.parse(only.id), prototype: prototypeId.parse(only.prototype_id) } : {}),
        decision: 'allow',
        reason: 'ordered',
        detail: { scope: order.scope, target: order.scope === 'everything' ? null : order.id },
      }),
    )
    const detail = `Stopped by ${by}.`
    const stopped: SandboxId[] = []
    for (const id of z.array(sandboxId).parse(rows.map(({ id }) => id))) {
      const row = await lockSandbox(trx, id)
      if (!row || !RUNS.includes(row.state)) continue
      await transitionTo(trx, row, stoppedFrom(row.state), { ...asked, reason: 'killed', detail })
      stopped.push(id)
    }
    return stopped
  })
  // If the gateway is away, so are its connections; when it comes back it reads the new states.
  await gateway.kill(order).catch(() => undefined)
  for (const id of stopped) void sandboxes.afterStop(id)
}

function covered(db: Store, order: KillOrder) {
  const all = db.selectFrom('sandboxes').select(['id', 'prototype_id']).where('state', '!=', 'removed').orderBy('id')
  if (order.scope === 'sandbox') return all.where('id', '=', order.id)
  return order.scope === 'person' ? all.where('owner_id', '=', order.id) : all
}
