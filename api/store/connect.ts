import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { Database } from './tables.ts'

export type Store = Kysely<Database>

const INT8 = 20
/** A database that has stopped answering keeps its sockets open: whoever waits is told after this. */
const QUERY_TIMEOUT_MS = 10_000

/** bigint comes as a number: every bigint here is a count or a time in ms. One that does not fit is an error, not a rounding. */
function parseInt8(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError(`The database gave ${text}, which a number cannot hold.`)
  return value
}

/** How every connection of the platform reads values; for `pg` clients that are made elsewhere in store/ and audit/. */
export function connectionTypes() {
  const types = new pg.TypeOverrides()
  types.setTypeParser(INT8, parseInt8)
  return types
}

/**
 * A pool of connections. It opens none until it is used, and replaces those that broke; what ran on them is rejected.
 * `connectTimeoutMs` is how long a query waits for a connection. End it with `destroy()`.
 */
export function connect(databaseUrl: string, { max = 8, connectTimeoutMs = 5_000 } = {}): Store {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: QUERY_TIMEOUT_MS,
    keepAlive: true,
    types: connectionTypes(),
  })
  // A connection that breaks, idle or in use, would otherwise end the program. Whoever waits on it is rejected; the next
  // query opens another. The pool listens only while a connection is idle.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
}
