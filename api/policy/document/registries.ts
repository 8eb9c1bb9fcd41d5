import { canonicalAddress, classifyAddress } from '../address.ts'
import { canonicalHost } from '../host.ts'
import type { RegistryName } from './bundles.ts'

/** Where a package client fetches from. */
export interface Endpoint {
  protocol: 'tls' | 'http'
  host: string
  port: number
  /** Single addresses (`/32`, `/128`) that are not public and that the host resolved to just now: a company's own registry. */
  addresses: string[]
}
export type Registry = { ok: true; endpoints: Endpoint[]; urls: string[] } | { ok: false; message: string }
export type Registries = Partial<Record<RegistryName, Registry>>

export interface RegistryDeps {
  /** Runs a program without a shell and gives its standard output; rejects when it is missing, fails or takes too long. */
  run: (command: string, args: readonly string[]) => Promise<string>
  /** Every address of a host; rejects when there is none. */
  resolve: (host: string) => Promise<string[]>
}

/** Asks each client by its own command, so that whatever way a company configures it is the way that counts. */
const ASK: Record<RegistryName, { client: string; urls: (run: RegistryDeps['run']) => Promise<string[]> }> = {
  npm: {
    client: 'npm',
    urls: async (run) => [await run('npm', ['config', 'get', 'registry'])],
  },
  pypi: {
    client: 'pip (Debian: python3-pip)',
    urls: async (run) => {
      const index = await run('pip3', ['config', 'get', 'global.index-url']).catch(() => null)
      const url = index?.trim() || defaultIndex(await run('pip3', ['install', '--help']))
      return [url, ...(await filesOf(run))]
    },
  },
  debian: {
    client: 'apt-get',
    urls: async (run) => (await run('apt-get', ['indextargets', '--format', '$(SITE)'])).split('\n'),
  },
}

/** pip's help wraps its lines: `(default https://…/simple)`. */
const defaultIndex = (help: string) => help.match(/\(default\s+(https?:\/\/[^\s)]+)\)/)?.[1] ?? ''

/**
 * An index may link to files on another host, which only a real answer shows. pip says it without installing anything; where
 * it cannot (no network, older than 22.3) the index's host alone is allowed, and downloads from elsewhere are refused.
 */
async function filesOf(run: RegistryDeps['run']): Promise<string[]> {
  const args = ['install', '--dry-run', '--ignore-installed', '--no-deps', '--quiet', '--report', '-', 'pip']
  const report = await run('pip3', args).catch(() => '')
  return [...report.matchAll(/"url":\s*"(https?:\/\/[^"]+)"/g)].flatMap((match) => (match[1] ? [match[1]] : []))
}

/** One registry, as this machine's client is configured now. Never rejects: what is missing is the message, with what to do. */
export async function resolveRegistry(name: RegistryName, { run, resolve }: RegistryDeps): Promise<Registry> {
  const { client, urls: ask } = ASK[name]
  const asked = await ask(run).catch(() => null)
  if (asked === null)
    return {
      ok: false,
      message: `${client} did not answer on this machine. Install it, or take this bundle out of the policy.`,
    }
  const urls = [...new Set(asked.map((line) => line.trim()).filter((line) => line !== ''))]
  const endpoints: Endpoint[] = []
  for (const text of urls) {
    const place = placeOf(text)
    if (!place)
      return {
        ok: false,
        message: `${client} is configured for an address that a sandbox cannot be let to: it needs http or https and a full host name. Change it, or take this bundle out of the policy.`,
      }
    if (endpoints.some(({ host, port }) => host === place.host && port === place.port)) continue
    endpoints.push({ ...place, addresses: await privateAddresses(place.host, resolve) })
  }
  if (endpoints.length === 0)
    return {
      ok: false,
      message: `${client} names no address to fetch from on this machine. Configure it, or take this bundle out of the policy.`,
    }
  return { ok: true, endpoints, urls: urls.map(withoutCredentials) }
}

export async function resolveRegistries(names: readonly RegistryName[], deps: RegistryDeps): Promise<Registries> {
  const found = await Promise.all(names.map(async (name) => [name, await resolveRegistry(name, deps)] as const))
  return Object.fromEntries(found)
}

function placeOf(text: string): Omit<Endpoint, 'addresses'> | null {
  if (!URL.canParse(text)) return null
  const { protocol, hostname, port } = new URL(text)
  if (protocol !== 'https:' && protocol !== 'http:') return null
  const host = canonicalHost(hostname)
  if (!host.ok) return null
  const tls = protocol === 'https:'
  return { protocol: tls ? 'tls' : 'http', host: host.host, port: port === '' ? (tls ? 443 : 80) : Number(port) }
}

function withoutCredentials(text: string): string {
  const url = new URL(text)
  url.username = ''
  url.password = ''
  return url.href
}

/** Loopback, link-local, metadata and multicast are never permitted; an offline machine pins nothing. */
async function privateAddresses(host: string, resolve: RegistryDeps['resolve']): Promise<string[]> {
  const found = await resolve(host).catch((): string[] => [])
  return found.flatMap((ip) => {
    const address = canonicalAddress(ip)
    if (address === null || classifyAddress(address, { own: new Set(), permitted: [] }).ok) return []
    const cidr = `${address}/${address.includes(':') ? 128 : 32}`
    return classifyAddress(address, { own: new Set(), permitted: [cidr] }).ok ? [cidr] : []
  })
}

/** What the clients inside a sandbox need to be told, so that they go where the policy lets them. */
export function clientEnvironment(registries: Registries): Record<string, string> {
  const { npm, pypi } = registries
  return {
    ...(npm?.ok && npm.urls[0] ? { NPM_CONFIG_REGISTRY: npm.urls[0] } : {}),
    ...(pypi?.ok && pypi.urls[0] ? { PIP_INDEX_URL: pypi.urls[0] } : {}),
  }
}
