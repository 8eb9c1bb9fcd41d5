import type { GatewayState } from '../../contract/health.ts'
import type { SandboxId } from '../../contract/ids.ts'
import { ApiError } from '../../errors.ts'
import type { Store } from '../../store/connect.ts'
import type { GatewayClient } from './gateway.ts'
import { unavailable } from './gateway-connection.ts'
import { NONE, readLoads } from './placement.ts'

export interface Gateways extends GatewayClient {
  /** Each instance, for people. */
  states(): Promise<GatewayState[]>
}

/**
 * All instances of the gateway as one: what concerns a sandbox goes to the instance that has it, as its row says; what
 * concerns people or everything goes to all of them; providers are written by whichever answers first. An instance that is
 * away or hangs is nobody's trouble but its own sandboxes'.
 *
 * Longer than 60 lines because it has a line for each verb of the contract.
 */
export function createGateways(db: Store, clients: readonly GatewayClient[]): Gateways {
  async function clientOf(id: SandboxId): Promise<GatewayClient> {
    const row = await db
      .selectFrom('sandboxes')
      .select('gateway')
      .where('id', '=', id)
      .executeTakeFirst()
      .catch((error: unknown) => {
        throw unavailable(error)
      })
    // Nobody has one without a row; any instance can say so, and take away what is left of it.
    const instance = row?.gateway ?? 0
    const client = clients[instance]
    if (!client) throw unavailable(new Error(`gateway/${instance} is no more, and what it had has not been moved yet`))
    return client
  }
  const byId =
    <Rest extends unknown[], Answer>(
      verb: (client: GatewayClient) => (id: SandboxId, ...rest: Rest) => Promise<Answer>,
    ) =>
    async (id: SandboxId, ...rest: Rest): Promise<Answer> =>
      verb(await clientOf(id))(id, ...rest)
  /** One that hangs must not be asked, since asking twice is no choice: a provider's test sends its key. */
  const anyone = () =>
    Promise.any(clients.map((client) => client.health().then(() => client))).catch((error: unknown) => {
      throw unavailable(error)
    })

  return {
    async health() {
      const found = await Promise.all(clients.map(troubleOf))
      const reasons = found.flatMap(({ name, trouble }) => (trouble === null ? [] : [`${name}: ${trouble}`]))
      return { ok: reasons.length === 0, audit: found.every(({ audit }) => audit), reason: reasons.join(' ') || null }
    },
    async states() {
      const [loads, found] = await Promise.all([readLoads(db), Promise.all(clients.map(troubleOf))])
      return found.map(({ name, trouble }, instance) => ({ name, trouble, ...(loads.get(instance) ?? NONE) }))
    },

    openDoor: byId(({ openDoor }) => openDoor),
    closeDoor: byId(({ closeDoor }) => closeDoor),
    doorStatus: byId(({ doorStatus }) => doorStatus),
    prove: byId(({ prove }) => prove),
    exec: byId(({ exec }) => exec),
    terminals: byId(({ terminals }) => terminals),
    openTerminal: byId(({ openTerminal }) => openTerminal),
    resizeTerminal: byId(({ resizeTerminal }) => resizeTerminal),
    closeTerminal: byId(({ closeTerminal }) => closeTerminal),
    endTerminals: byId(({ endTerminals }) => endTerminals),
    streamTerminal: byId(({ streamTerminal }) => streamTerminal),

    /** All are told at once. Throws when one could not be: its connections are gone with it, or end with it. */
    async kill(order) {
      const told = order.scope === 'sandbox' ? [await clientOf(order.id)] : clients
      const answers = await Promise.allSettled(told.map((client) => client.kill(order)))
      for (const answer of answers) if (answer.status === 'rejected') throw answer.reason
    },

    saveProvider: async (...asked) => (await anyone()).saveProvider(...asked),
    removeProvider: async (...asked) => (await anyone()).removeProvider(...asked),
    testProvider: async (...asked) => (await anyone()).testProvider(...asked),

    close() {
      for (const client of clients) client.close()
    },
  }
}

async function troubleOf(client: GatewayClient, instance: number) {
  const name = `gateway/${instance}`
  try {
    const { audit, reason } = await client.health()
    return { name, audit, trouble: reason }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    return { name, audit: true, trouble: 'It does not answer, and is started again by itself.' }
  }
}
