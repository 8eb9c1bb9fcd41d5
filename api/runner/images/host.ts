/** What image builds need from the host's own configuration, so that a company's mirrors and proxies hold there too. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** The package registries that npm and pip on the host are configured for, where they say one, and the given proxies. */
export async function hostBuildArguments(proxies: Record<string, string>): Promise<Record<string, string>> {
  const [npm, pip] = await Promise.all([
    outputOf('npm', ['config', 'get', 'registry']),
    outputOf('pip3', ['config', 'get', 'global.index-url']),
  ])
  const named = { NPM_CONFIG_REGISTRY: npm, PIP_INDEX_URL: pip }
  const known = Object.entries(named).filter(([, url]) => URL.canParse(url))
  return { ...proxies, ...Object.fromEntries(known) }
}

/** Where apt on this host gets Debian from; null where the host is not Debian, and the tools' own default serves. */
export async function debianMirror(): Promise<string | null> {
  const argv = ['indextargets', '--format', '$(LABEL) $(REPO_URI)', 'Origin: Debian', 'Created-By: Packages']
  const targets = (await outputOf('apt-get', argv)).split('\n')
  const url = targets.find((line) => line.startsWith('Debian '))?.slice('Debian '.length) ?? ''
  return URL.canParse(url) ? url : null
}

export async function hasProgram(name: string): Promise<boolean> {
  return promisify(execFile)(name, ['--version'], { timeout: 10_000 }).then(
    () => true,
    () => false,
  )
}

/** Empty when the program is missing or fails. */
async function outputOf(program: string, argv: readonly string[]): Promise<string> {
  return promisify(execFile)(program, argv, { timeout: 20_000 }).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  )
}
