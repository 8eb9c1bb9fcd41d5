import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { z } from 'zod'

const FOLDER = join(import.meta.dirname, 'migrations')
/** pg_advisory_lock(int, int); the other number in use is the sequencer's (audit/chain/sequence.ts). */
const LOCK = [4600, 1]
const appliedRows = z.array(z.object({ name: z.string(), hash: z.string() }))

/** Passwords of the two login roles; random, made by the launcher. */
export interface RolePasswords {
  serverPassword: string
  gatewayPassword: string
}

/** How many connections this PostgreSQL takes from everybody together. */
export async function maxConnections(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    const { rows } = await client.query("SELECT current_setting('max_connections')::int AS max")
    return z.tuple([z.object({ max: z.int() })]).parse(rows)[0].max
  } finally {
    await client.end()
  }
}

/**
 * Makes the login roles (or gives them these passwords) and runs migrations/*.sql in order, each once and each in its own
 * transaction. Several may run at once: they wait for each other. Throws when a file that has already run was changed.
 */
export async function migrate(ownerUrl: string, passwords: RolePasswords): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query('SELECT pg_advisory_lock($1, $2)', LOCK)
    await ensureRole(client, 'backlot_server', passwords.serverPassword)
    await ensureRole(client, 'backlot_gateway', passwords.gatewayPassword)
    await client.query(
      'CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, hash text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())',
    )
    const { rows } = await client.query('SELECT name, hash FROM migrations')
    const applied = new Map(appliedRows.parse(rows).map(({ name, hash }) => [name, hash]))
    const files = (await readdir(FOLDER)).filter((file) => file.endsWith('.sql')).sort()
    for (const file of files) await applyOnce(client, file, applied.get(file))
  } finally {
    await client.end()
  }
}

async function applyOnce(client: pg.Client, file: string, appliedHash: string | undefined) {
  const sql = await readFile(join(FOLDER, file), 'utf8')
  const hash = createHash('sha256').update(sql).digest('hex')
  if (appliedHash === hash) return
  if (appliedHash !== undefined) {
    throw new Error(
      `${file} was changed after it ran on this database. Put it back and write the change as a new file.`,
    )
  }
  await client.query('BEGIN')
  try {
    await client.query(sql)
    await client.query('INSERT INTO migrations (name, hash) VALUES ($1, $2)', [file, hash])
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw new Error(`The migration ${file} failed.`, { cause: error })
  }
}

async function ensureRole(client: pg.Client, role: string, password: string) {
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role])
  const name = client.escapeIdentifier(role)
  if (rowCount === 0) await client.query(`CREATE ROLE ${name} NOINHERIT`)
  // Utility statements take no parameters.
  await client.query(`ALTER ROLE ${name} LOGIN PASSWORD ${client.escapeLiteral(password)}`)
}
