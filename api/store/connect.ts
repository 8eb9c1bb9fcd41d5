import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { Database } from './tables.ts'

export type Store = Kysely<Database>

const INT8 = 20

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
    keepAlive: true,
    types: connectionTypes(),
  })
  // An idle connection that breaks would otherwise end the program; the next query opens another.
  pool.on('error', () => {})
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
}
