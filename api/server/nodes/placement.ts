import type { Store } from '../../store/connect.ts'

/** What an instance of the gateway has: sandboxes that run, and all of them, since the others may be started again. */
export interface Load {
  running: number
  all: number
}

export const NONE: Load = { running: 0, all: 0 }

/** Which of `gateways` instances a new sandbox gets: the one with the fewest that run, then with the fewest, then the first. */
export function leastLoaded(loads: ReadonlyMap<number, Load>, gateways: number): number {
  const instances = Array.from({ length: gateways }, (_, instance) => ({ instance, ...(loads.get(instance) ?? NONE) }))
  const [first] = instances.toSorted((a, b) => a.running - b.running || a.all - b.all || a.instance - b.instance)
  return first?.instance ?? 0
}

/** In the transaction that makes the sandbox, under a lock that lets one at a time through (user-slots.ts): the next one sees it. */
export async function chooseGateway(trx: Store, gateways: number): Promise<number> {
  return leastLoaded(await readLoads(trx), gateways)
}

export async function readLoads(trx: Store): Promise<Map<number, Load>> {
  const rows = await trx
    .selectFrom('sandboxes')
    .where('state', '!=', 'removed')
    .groupBy('gateway')
    .select((eb) => [
      'gateway',
      eb.fn.countAll<number>().as('all'),
      eb.fn.countAll<number>().filterWhere('state', 'not in', ['stopped', 'failed', 'lost']).as('running'),
    ])
    .execute()
  return new Map(rows.map(({ gateway, all, running }) => [gateway, { all: Number(all), running: Number(running) }]))
}

/**
 * Gives each sandbox of an instance that is no more to one that is.
 *
 * @param instance nobody may hold it any more: two that listen for one sandbox would take each other's sockets away.
 * @returns how many it were.
 */
export async function moveSandboxes(db: Store, instance: number, gateways: number): Promise<number> {
  return db.transaction().execute(async (trx) => {
    const loads = await readLoads(trx)
    const rows = await trx
      .selectFrom('sandboxes')
      .select(['id', 'state'])
      .where('gateway', '=', instance)
      .orderBy('id')
      .forUpdate()
      .execute()
    for (const { id } of rows) {
      const to = leastLoaded(loads, gateways)
      const { running, all } = loads.get(to) ?? NONE
      loads.set(to, { running: running + 1, all: all + 1 })
      await trx.updateTable('sandboxes').set({ gateway: to }).where('id', '=', id).execute()
    }
    return rows.length
  })
}

/** Instances that have sandboxes and are not among the first `gateways`. */
export async function retiredInstances(db: Store, gateways: number): Promise<number[]> {
  const rows = await db.selectFrom('sandboxes').select('gateway').distinct().where('gateway', '>=', gateways).execute()
  return rows.map(({ gateway }) => gateway)
}
