/** Settings of the three programs, from the environment that the launcher (or docker-compose.yml) gives them. */
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { isNetwork } from './policy/address.ts'
import { MAX_GATEWAYS } from './store/connections.ts'

const common = z.object({
  /** State folder, 0700. */
  BACKLOT_HOME: z.string().default('.backlot'),
  BACKLOT_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
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
  }
}

export type StatePaths = ReturnType<typeof statePaths>

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
  }
}

export function runnerConfig(environment: Environment = process.env) {
  const read = runnerEnvironment.parse(environment)
  return {
    paths: statePaths(read.BACKLOT_HOME),
    logLevel: read.BACKLOT_LOG_LEVEL,
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
