import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** An engine that is there answers its ping in milliseconds; one that hangs must not hold the start up. */
const PING_TIMEOUT_MS = 3_000

/**
 * Asks an engine whether it is alive (GET /_ping of the Docker Engine API).
 *
 * @param {string} host `unix:///path` or `tcp://host:port`
 * @returns {Promise<boolean>}
 */
export function answers(host) {
  const socketPath = host.startsWith('unix://') ? host.slice('unix://'.length) : undefined
  if (socketPath !== undefined && !existsSync(socketPath)) return Promise.resolve(false)
  if (socketPath === undefined && !/^(tcp|http):\/\//.test(host)) return Promise.resolve(false)
  const url = socketPath === undefined ? host.replace(/^tcp:/, 'http:') : 'http://engine'
  return new Promise((resolve) => {
    const options = { timeout: PING_TIMEOUT_MS, ...(socketPath === undefined ? {} : { socketPath }) }
    const ping = request(new URL('/_ping', url), options, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    ping.on('timeout', () => ping.destroy())
    ping.on('error', () => resolve(false))
    ping.end()
  })
}

/** The endpoint of the docker CLI's active context, or null. Its folder's name is the SHA-256 of the context's name. */
function activeContext() {
  const folder = process.env.DOCKER_CONFIG ?? join(homedir(), '.docker')
  const read = (/** @type {string} */ file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null)
  try {
    const name = process.env.DOCKER_CONTEXT ?? read(join(folder, 'config.json'))?.currentContext
    if (typeof name !== 'string' || name === 'default') return null
    const id = createHash('sha256').update(name).digest('hex')
    const host = read(join(folder, 'contexts', 'meta', id, 'meta.json'))?.Endpoints?.docker?.Host
    return typeof host === 'string' ? host : null
  } catch {
    // A broken CLI configuration is the CLI's trouble: the usual sockets are tried next.
    return null
  }
}

/** Where engines usually listen: Docker, rootless Docker, Docker Desktop, Colima, OrbStack, Rancher Desktop, Podman. */
function usualSockets() {
  const home = homedir()
  const runtime = process.env.XDG_RUNTIME_DIR ?? `/run/user/${process.getuid?.() ?? 0}`
  return [
    '/var/run/docker.sock',
    join(runtime, 'docker.sock'),
    join(home, '.docker/run/docker.sock'),
    join(home, '.docker/desktop/docker.sock'),
    join(home, '.colima/default/docker.sock'),
    join(home, '.orbstack/run/docker.sock'),
    join(home, '.rd/docker.sock'),
    join(runtime, 'podman/podman.sock'),
    '/run/podman/podman.sock',
  ].map((path) => `unix://${path}`)
}

/**
 * The address of the first engine that answers, or null. DOCKER_HOST, when set, is the only one asked: whoever sets it
 * means that engine and no other.
 *
 * @returns {Promise<string | null>}
 */
export async function findEngine() {
  const set = process.env.DOCKER_HOST
  const context = activeContext()
  const hosts = set ? [set] : [...(context === null ? [] : [context]), ...usualSockets()]
  for (const host of hosts) if (await answers(host)) return host
  return null
}
