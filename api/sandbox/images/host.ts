/** What image builds need from the host's own configuration, so that a company's mirrors and proxies hold there too. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** NPM_CONFIG_REGISTRY from npm's configuration, when there is an npm, and the proxies that the runner was given. */
export async function hostBuildArguments(proxies: Record<string, string>): Promise<Record<string, string>> {
  const registry = await npmRegistry()
  return registry === null ? { ...proxies } : { ...proxies, NPM_CONFIG_REGISTRY: registry }
}

async function npmRegistry(): Promise<string | null> {
  const asked = await promisify(execFile)('npm', ['config', 'get', 'registry'], { timeout: 20_000 }).catch(() => null)
  const url = asked?.stdout.trim() ?? ''
  return URL.canParse(url) ? url : null
}
