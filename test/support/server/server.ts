/** The server with a database of its own and peers for runner and gateway, listening on a free port of 127.0.0.1. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { createAppender } from '../../../api/audit/append.ts'
import { createSequencer } from '../../../api/audit/chain/sequence.ts'
import { createOutbox } from '../../../api/audit/outbox.ts'
import { statePaths } from '../../../api/config.ts'
import type { Role } from '../../../api/contract/people.ts'
import type { PolicyInForce } from '../../../api/contract/policy.ts'
import { newId } from '../../../api/ids.ts'
import type { Gauge } from '../../../api/room/gauge.ts'
import { buildApp } from '../../../api/server/app.ts'
import { createFeed } from '../../../api/server/audit/feed.ts'
import { createLagWatch } from '../../../api/server/audit/lag.ts'
import { recordRoom } from '../../../api/server/disk/record.ts'
import { REQUESTS_PER_MINUTE, type RequestsPerMinute } from '../../../api/server/http/limits/rate-limits.ts'
import type { GatewayClient } from '../../../api/server/nodes/gateway.ts'
import { startSession } from '../../../api/server/people/sign-in/sessions.ts'
import { openLibrary } from '../../../api/server/policies/library.ts'
import { createSandboxes } from '../../../api/server/sandboxes/sandboxes.ts'
import { createTickets } from '../../../api/server/terminals/tickets.ts'
import { connect } from '../../../api/store/connect.ts'
import { type TestDatabase, testDatabase } from '../database/database.ts'
import { diskOf, gaugeOn, someDisk } from '../room.ts'
import { startPeers } from '../sandbox/peers.ts'

export const standardPolicy: PolicyInForce = {
  name: 'standard',
  version: 1,
  hash: '0'.repeat(64),
  description: '',
  tools: { allow: ['node'], workspaceExec: true },
  sandbox: { runtime: 'runc', cpus: 1, memoryBytes: 2 ** 31, diskBytes: 2 ** 32, pids: 256, perPerson: 3 },
  egress: [],
  models: {
    default: { cloud: 'assigned', local: 'assigned' },
    labels: { public: 'cloud', internal: 'cloud', confidential: 'local', restricted: 'none' },
  },
}

export interface Asked {
  method?: string
  body?: unknown
  headers?: Record<string, string>
}

export async function startServer({
  url = null,
  withSequencer = false,
  trustedProxy = [],
  requestsPerMinute = REQUESTS_PER_MINUTE,
  database: own = null,
  gateway = null,
  gauge = null,
}: {
  url?: string | null
  withSequencer?: boolean
  trustedProxy?: string[]
  requestsPerMinute?: RequestsPerMinute
  /** Instead of a new one of the project's; closed with the server. */
  database?: TestDatabase | null
  /** Instead of the peer. */
  gateway?: GatewayClient | null
  /** Instead of the one that the test fills by a word; closed with the server. */
  gauge?: Gauge | null
} = {}) {
  const database = own ?? (await testDatabase())
  const peers = await startPeers()
  const folder = await mkdtemp(join(tmpdir(), 'backlot-server-'))
  const db = connect(database.serverUrl)
  const stops = connect(database.serverUrl, { max: 4 })
  const appender = createAppender(database.serverUrl)
  const feed = createFeed(db, database.serverUrl)
  const lag = createLagWatch({ db, append: appender.append })
  const sequencer = withSequencer ? createSequencer(database.serverUrl) : null
  const written: string[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void written.push(line) })
  const sandboxes = createSandboxes({
    db,
    stops,
    runner: peers.runner,
    gateway: gateway ?? peers.gateway,
    clientEnvironment: async () => ({}),
    log,
  })
  const { name, version, hash } = standardPolicy
  // Who brings a database has published what they need.
  if (own === null)
    await database.db
      .insertInto('policies')
      .values({
        name,
        version,
        hash,
        body: JSON.stringify(standardPolicy),
        source: '',
        origin: 'file',
        file_hash: null,
        created_by: null,
      })
      .execute()
  const room = await gaugeOn(someDisk())
  const shown = gauge ?? room.gauge
  recordRoom(shown, createOutbox({ append: appender.append, log }))
  const app = await buildApp({
    db,
    stops,
    append: appender.append,
    feed,
    lag,
    gateway: gateway ?? peers.gateway,
    gateways: async () => [],
    runner: peers.runner,
    sandboxes,
    chooseGateway: async () => 0,
    library: await openLibrary({ folder, images: join(import.meta.dirname, '..', '..', '..', 'sandbox-images') }),
    tickets: createTickets(),
    log,
    version: 'test',
    url,
    trustedProxy,
    requestsPerMinute,
    gauge: shown,
    disk: diskOf(statePaths(folder)),
    webFolder: join(import.meta.dirname, '..', '..', '..', 'web', 'dist'),
  })
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })

  /** A person with these roles, and a session's cookie. */
  async function personWith(...roles: Role[]) {
    const id = newId('pe')
    const email = `${id}@example.org`
    await database.db
      .insertInto('people')
      .values({ id, email, name: `Person ${id.slice(3, 7)}`, roles, password_hash: null, disabled_at: null })
      .execute()
    const { secret } = await startSession(database.db, id)
    const cookie = `backlot_session=${secret}`
    return {
      id,
      email,
      cookie,
      ask: (path: string, asked: Asked = {}) => ask(path, { ...asked, headers: { cookie, ...asked.headers } }),
    }
  }

  /** One request as the web sends it: with the page's origin. The body is JSON unless it is text already. */
  async function ask(path: string, { method = 'GET', body, headers = {} }: Asked = {}) {
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    const response = await fetch(`${origin}${path}`, {
      method,
      headers: { origin, ...type, ...headers },
      redirect: 'manual',
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json')
    const json: unknown = isJson && text !== '' ? JSON.parse(text) : undefined
    return { status: response.status, headers: response.headers, text, json }
  }

  const events = async (kind: string) => {
    const rows = await database.db
      .selectFrom('audit_events')
      .select('body')
      .where('kind', '=', kind)
      .orderBy('arrival')
      .execute()
    return rows.map(
      ({ body }): { decision: string; reason: string; detail: Record<string, unknown>; [field: string]: unknown } =>
        JSON.parse(body),
    )
  }

  return {
    app,
    origin,
    db: database.db,
    database,
    peers,
    sandboxes,
    /** What its disk has left. */
    room,
    ask,
    personWith,
    events,
    /** Everything that was logged so far. */
    logged: () => written.join(''),
    async close() {
      await app.close()
      await sandboxes.idle()
      await gauge?.close()
      await room.gauge.close()
      await feed.close()
      await lag.close()
      await sequencer?.close()
      await appender.close()
      await db.destroy()
      await stops.destroy()
      await peers.close()
      await database.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
export type TestServer = Awaited<ReturnType<typeof startServer>>
