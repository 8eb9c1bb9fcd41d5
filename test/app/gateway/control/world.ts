/** Whole real gateways, one or several instances, on a database of their own and with an own network behind them. */
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import type { DiskConfig } from '../../../../api/config.ts'
import { statePaths } from '../../../../api/config.ts'
import type { PersonId, SandboxId } from '../../../../api/contract/ids.ts'
import type { SandboxState } from '../../../../api/contract/prototypes.ts'
import { dialAddress } from '../../../../api/gateway/egress/dial.ts'
import { startGateway } from '../../../../api/gateway/start.ts'
import { newId } from '../../../../api/ids.ts'
import { createGatewayClient } from '../../../../api/server/nodes/gateway.ts'
import { createGateways } from '../../../../api/server/nodes/gateways.ts'
import { openLibrary } from '../../../../api/server/policies/library.ts'
import { publishPolicy } from '../../../../api/server/policies/publish.ts'
import { connect as connectStore } from '../../../../api/store/connect.ts'
import { type TestDatabase, testDatabase } from '../../../support/database/database.ts'
import { diskOf } from '../../../support/room.ts'
import { startPorter } from '../../../support/sandbox/porter.ts'
import { until } from '../../../support/until.ts'
import { hello, sni, versions } from '../egress/world/hello.ts'
import { rawUpstream } from '../egress/world/upstream.ts'
import { headEnds, PUBLIC, readUntil } from '../egress/world/world.ts'

const log = pino({ level: 'silent' })
const TLS_1_3 = 0x0304

/** Greets whoever greets it, and says again what it is told. */
const echo = (socket: Socket) =>
  void socket
    .on('end', () => socket.end())
    .on('data', (bytes: Buffer) => socket.write(bytes[0] === 22 ? 'word' : bytes))

export type RealGateway = Awaited<ReturnType<typeof startRealGateway>>

interface Given {
  database?: TestDatabase
  /** Where its state folder is made. */
  within?: string
  disk?: DiskConfig
  /** How many instances. */
  gateways?: number
}

export async function startRealGateway(given: Given = {}) {
  const { gateways = 1 } = given
  const database = given.database ?? (await testDatabase())
  const folder = await mkdtemp(join(given.within ?? tmpdir(), 'bl-'))
  const paths = statePaths(folder)
  const upstream = await rawUpstream(echo)
  const server = connectStore(database.serverUrl, { max: 2 })
  const library = await openLibrary({ folder: join(folder, 'policies'), images: 'sandbox-images' })
  const porters = new Set<{ close(): void }>()
  const sockets = new Set<Socket>()
  const start = (instance: number) =>
    startGateway({
      instance,
      databaseUrl: database.gatewayUrl,
      paths,
      network: {
        resolve: async () => [PUBLIC],
        dial: ({ timeoutMs }) => dialAddress({ address: '127.0.0.1', port: upstream.port, timeoutMs }),
        own: () => new Set<string>(),
      },
      disk: given.disk ?? diskOf(paths),
      log,
    })
  const instances = Array.from({ length: gateways }, (_, instance) => instance)
  const started = new Map(await Promise.all(instances.map(async (one) => [one, await start(one)] as const)))
  const clients = instances.map((instance) => createGatewayClient(paths.gatewaySocket(instance)))
  const client = createGateways(server, clients)
  const { db } = database

  /** As an admin does it, with the server's own code and grants. */
  const publish = (...hosts: string[]) =>
    publishPolicy(server, { yaml: policyFor(hosts), library, origin: 'api', person: null, rebuild: () => {} })
  await publish('example.org')

  async function person() {
    const id = newId('pe')
    const row = { id, email: `${id}@example.org`, name: id, roles: ['pm'], password_hash: null, disabled_at: null }
    await db.insertInto('people').values(row).execute()
    return id
  }
  let slots = 0
  async function sandbox(owner?: PersonId, sandboxState: SandboxState = 'building', gateway = 0) {
    const [id, prototype, of] = [newId('sb'), newId('pr'), owner ?? (await person())]
    const made = { title: id, hypothesis: '', label: 'internal', owner_id: of, policy: 'standard', removed_at: null }
    await db
      .insertInto('prototypes')
      .values({ id: prototype, ...made })
      .execute()
    const more = { detail: null, progress: null, runtime: 'runc', image: null, proof: null }
    const { version } = await db
      .selectFrom('policies_in_force')
      .select('version')
      .where('name', '=', 'standard')
      .executeTakeFirstOrThrow()
    const policy = { policy_name: 'standard', policy_version: version, user_slot: slots++, gateway }
    await db
      .insertInto('sandboxes')
      .values({ id, prototype_id: prototype, owner_id: of, state: sandboxState, ...policy, ...more })
      .execute()
    return id
  }
  const move = (id: SandboxId, next: SandboxState) =>
    db.updateTable('sandboxes').set({ state: next }).where('id', '=', id).execute()
  const directoryOf = (id: SandboxId) => join(paths.sandboxes, id)

  /** One attempt; null when the door refuses. */
  async function tryTunnel(id: SandboxId, host: string) {
    const socket = connect({ path: join(directoryOf(id), 'egress.sock'), allowHalfOpen: true })
    sockets.add(socket.on('error', () => {}).on('end', () => socket.destroy()))
    socket.write(`CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\n\r\n`)
    const head = await readUntil(socket, headEnds).catch(() => '')
    if (!head.startsWith('HTTP/1.1 200 ')) {
      socket.destroy()
      return null
    }
    socket.write(hello({ extensions: [sni(host), versions(TLS_1_3)] }))
    await readUntil(socket, (text) => text === 'word')
    return {
      /** Whether bytes still go through it both ways. */
      async isOpen() {
        if (socket.destroyed) return false
        socket.write('ping')
        return readUntil(socket, (text) => text.includes('ping')).then(
          () => true,
          () => false,
        )
      },
    }
  }

  /** Its orderly end. */
  async function stop(instance: number) {
    await started.get(instance)?.close()
    started.delete(instance)
  }

  return {
    client,
    /** Of each instance, whoever's sandbox it is. */
    clients,
    server,
    start: async (instance: number) => void started.set(instance, await start(instance)),
    stop,
    socketPath: paths.gatewaySocket(0),
    paths,
    database,
    directoryOf,
    person,
    sandbox,
    move,
    /** Puts it on hold, as the server's transaction does; its state stays, so that the hold alone decides. */
    async hold(target: HoldTarget) {
      const by = await person()
      const id = newId('ho')
      const row = { id, ...coverOf(target), reason: 'A test.', placed_by: by }
      await db.insertInto('holds').values(row).execute()
      return { release: () => db.deleteFrom('holds').where('id', '=', id).execute() }
    },
    publish,
    tryTunnel,
    /** Once the gateway has read in the database that it may be. */
    tunnel: (id: SandboxId, host = 'example.org') => until(`a tunnel to ${host} is open`, () => tryTunnel(id, host)),
    async claim(id: SandboxId) {
      await client.openDoor(id)
      await move(id, 'claimed')
    },
    async porter(id: SandboxId, probes?: Parameters<typeof startPorter>[1]) {
      const porter = startPorter(join(directoryOf(id), 'porter.sock'), probes)
      porters.add(porter)
      await until('it is connected', async () => ((await client.doorStatus(id)).porter === 'connected' ? true : null))
      return porter
    },
    /** A stop and a start; `meanwhile` runs in between. */
    async restart(meanwhile: () => Promise<unknown> = async () => {}) {
      await stop(0)
      await meanwhile()
      started.set(0, await start(0))
    },
    async close() {
      client.close()
      for (const porter of porters) porter.close()
      for (const socket of sockets) socket.destroy()
      for (const gateway of started.values()) await gateway.close()
      await upstream.close()
      await server.destroy()
      await database.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

type HoldTarget = { sandbox: SandboxId } | { person: PersonId } | 'everything'

function coverOf(target: HoldTarget) {
  if (target === 'everything') return { scope: 'everything' as const, sandbox_id: null, person_id: null }
  if ('sandbox' in target) return { scope: 'sandbox' as const, sandbox_id: target.sandbox, person_id: null }
  return { scope: 'person' as const, sandbox_id: null, person_id: target.person }
}

function policyFor(hosts: string[]): string {
  const egress = hosts.map((host) => `  - { host: ${host}, ports: [443], protocol: tls, unsafeOpaque: true }`)
  return [
    'policy: standard',
    'tools: { allow: [] }',
    'sandbox: {}',
    `egress:${egress.length === 0 ? ' []' : ''}`,
    ...egress,
    'models: { default: {} }',
    '',
  ].join('\n')
}
