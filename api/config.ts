/** Settings of the three programs, from the environment that the launcher (or docker-compose.yml) gives them. */
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { size } from './contract/policy.ts'
import { isNetwork } from './policy/address.ts'
import { bytesOf } from './policy/document/size.ts'
import type { Places } from './room/measure.ts'
import type { WantedRecordings } from './room/recordings.ts'
import { MAX_GATEWAYS } from './store/connections.ts'

/** Empty, as docker-compose.yml leaves it, means that nobody said. */
const unlessEmpty = <T extends z.ZodType>(schema: T) => z.preprocess((text) => text || undefined, schema.optional())
const wantedSize = unlessEmpty(size.transform(bytesOf))

const common = z.object({
  /** State folder, 0700. */
  BACKLOT_HOME: z.string().default('.backlot'),
  BACKLOT_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  /** What of the disk is kept for people's events; default: see room/judge.ts. */
  BACKLOT_DISK_RESERVE: wantedSize,
  /** Quotas of recordings, and how long they stay after their sandbox; defaults: see room/recordings.ts. */
  BACKLOT_RECORDINGS_PERSON: wantedSize,
  BACKLOT_RECORDINGS_ALL: wantedSize,
  BACKLOT_RECORDINGS_DAYS: unlessEmpty(z.coerce.number().int().min(1).max(36_500)),
})

/** Addresses and networks between commas. One that covers every address would let anybody name their own. */
const networks = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== ''),
  )
  .pipe(
    z.array(
      z.string().refine(isNetwork, {
        error: ({ input }) => `"${input}" is no address or network: write 10.0.0.7 or 10.0.0.0/24.`,
      }),
    ),
  )

/** How many instances of the gateway there are. */
export const gatewayCount = z.coerce.number().int().min(1).max(MAX_GATEWAYS)

const serverEnvironment = common.extend({
  DATABASE_URL: z.string(),
  BACKLOT_HOST: z.string().default('127.0.0.1'),
  BACKLOT_PORT: z.coerce.number().int().min(0).max(65_535).default(4600),
  /** The origin that people type, when it is not http://<host>:<port> (a TLS proxy in front). */
  BACKLOT_URL: z.url().optional(),
  /** The proxies whose X-Forwarded-For is believed. */
  BACKLOT_TRUSTED_PROXY: networks.default([]),
  BACKLOT_POLICIES: z.string().default('policies'),
  BACKLOT_GATEWAYS: gatewayCount.default(1),
  /** `1`: a single-use sign-in link for the oldest admin at every start, also when accounts exist. */
  BACKLOT_SIGN_IN_LINK: z.enum(['0', '1']).default('0'),
})

const gatewayEnvironment = common.extend({
  DATABASE_URL: z.string(),
  /** Which instance this is. */
  BACKLOT_GATEWAY: z.coerce.number().int().min(0).default(0),
  /** How long the one before it had not answered when it was killed for that; empty: it ended otherwise. */
  BACKLOT_SILENT_MS: z.coerce.number().int().default(0),
  /** `host:port` of the resolver to ask; default: the system's. */
  BACKLOT_DNS: z.string().optional(),
})

const runnerEnvironment = common.extend({
  /** The engine's socket or address, found by the launcher. */
  DOCKER_HOST: z.string().default('unix:///var/run/docker.sock'),
  BACKLOT_EXTRA_CA: z.string().optional(),
  NODE_EXTRA_CA_CERTS: z.string().optional(),
  HTTP_PROXY: z.string().optional(),
  HTTPS_PROXY: z.string().optional(),
  NO_PROXY: z.string().optional(),
})

/** Every path below the state folder, in one place. Unix socket paths must stay under 108 bytes (unix(7)). */
export function statePaths(home: string) {
  const root = resolve(home)
  return {
    root,
    /** Of each instance of the gateway: where it is asked, and what it holds while it lives. */
    gatewaySocket: (instance: number) => join(root, 'gateway', String(instance), 'control.sock'),
    gatewayLock: (instance: number) => join(root, 'gateway', String(instance), 'held.sock'),
    runnerSocket: join(root, 'runner', 'control.sock'),
    /** One directory of sockets a sandbox, mounted read-only at /run/backlot in it. */
    sandboxes: join(root, 'sandboxes'),
    /** Sized workspaces: `<id>.img` and the mount point `<id>/`. */
    workspaces: join(root, 'workspaces'),
    recordings: join(root, 'gateway', 'recordings'),
    /** Seals provider keys; readable by the gateway alone. */
    sealKey: join(root, 'gateway', 'seal.key'),
    images: join(root, 'images'),
    /** The built-in database. */
    postgres: join(root, 'postgres'),
  }
}

export type StatePaths = ReturnType<typeof statePaths>
export interface DiskConfig {
  places: Places
  /** Null: as usual for a disk of its size. */
  reserveBytes: number | null
  recordings: WantedRecordings
}

const KEPT_DAYS = 90

function diskConfig(read: z.output<typeof common>, databaseUrl: string | null): DiskConfig {
  const { root, postgres, recordings, workspaces } = statePaths(read.BACKLOT_HOME)
  const isBuiltIn = databaseUrl !== null && socketFolderOf(databaseUrl) === join(root, 'postgres-socket')
  return {
    places: { database: isBuiltIn ? postgres : null, recordings, workspaces },
    reserveBytes: read.BACKLOT_DISK_RESERVE ?? null,
    recordings: {
      personBytes: read.BACKLOT_RECORDINGS_PERSON ?? null,
      allBytes: read.BACKLOT_RECORDINGS_ALL ?? null,
      keptDays: read.BACKLOT_RECORDINGS_DAYS ?? KEPT_DAYS,
    },
  }
}

/** A database that is reached over the built-in one's socket is the built-in one. */
const socketFolderOf = (databaseUrl: string) =>
  URL.canParse(databaseUrl) ? new URL(databaseUrl).searchParams.get('host') : null

type Environment = Record<string, string | undefined>

export function serverConfig(environment: Environment = process.env) {
  const read = serverEnvironment.parse(environment)
  return {
    paths: statePaths(read.BACKLOT_HOME),
    logLevel: read.BACKLOT_LOG_LEVEL,
    databaseUrl: read.DATABASE_URL,
    host: read.BACKLOT_HOST,
    port: read.BACKLOT_PORT,
    url: read.BACKLOT_URL ?? null,
    trustedProxy: read.BACKLOT_TRUSTED_PROXY,
    policies: resolve(read.BACKLOT_POLICIES),
    gateways: read.BACKLOT_GATEWAYS,
    signInLink: read.BACKLOT_SIGN_IN_LINK === '1',
    disk: diskConfig(read, read.DATABASE_URL),
  }
}

export function gatewayConfig(environment: Environment = process.env) {
  const read = gatewayEnvironment.parse(environment)
  return {
    paths: statePaths(read.BACKLOT_HOME),
    logLevel: read.BACKLOT_LOG_LEVEL,
    databaseUrl: read.DATABASE_URL,
    instance: read.BACKLOT_GATEWAY,
    silentMs: read.BACKLOT_SILENT_MS,
    dns: read.BACKLOT_DNS ?? null,
    disk: diskConfig(read, read.DATABASE_URL),
  }
}

export function runnerConfig(environment: Environment = process.env) {
  const read = runnerEnvironment.parse(environment)
  return {
    paths: statePaths(read.BACKLOT_HOME),
    logLevel: read.BACKLOT_LOG_LEVEL,
    reserveBytes: read.BACKLOT_DISK_RESERVE ?? null,
    dockerHost: read.DOCKER_HOST,
    /** PEM bundle that images and upstream TLS must trust besides the usual authorities, or null. */
    extraCa: read.BACKLOT_EXTRA_CA ?? read.NODE_EXTRA_CA_CERTS ?? null,
    /** The host's own proxies, for image builds. */
    proxies: Object.fromEntries(
      Object.entries({ HTTP_PROXY: read.HTTP_PROXY, HTTPS_PROXY: read.HTTPS_PROXY, NO_PROXY: read.NO_PROXY }).flatMap(
        ([name, value]) => (value === undefined ? [] : [[name, value] as const]),
      ),
    ),
  }
}
