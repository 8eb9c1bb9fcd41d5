import { existsSync } from 'node:fs'
import { onPath, run } from './command.mjs'

/** Whether packages can be installed here without asking: Debian or Ubuntu, as root. */
export const isDebianRoot = () =>
  process.getuid?.() === 0 && existsSync('/etc/debian_version') && onPath('apt-get') !== null

const environment = () => ({ ...process.env, DEBIAN_FRONTEND: 'noninteractive' })
const options = ['-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=3']

/** @param {(text: string) => void} note */
export async function aptUpdate(note) {
  note('apt-get update')
  await run('apt-get', [...options, 'update', '-q'], { environment: environment() })
}

/**
 * Installs Debian packages, without what they only recommend.
 *
 * @param {string[]} packages
 * @param {(text: string) => void} note
 */
export async function aptInstall(packages, note) {
  note(`apt-get install ${packages.join(' ')}`)
  await run('apt-get', [...options, 'install', '-y', '-q', '--no-install-recommends', ...packages], {
    environment: environment(),
  })
}

/**
 * Installs each package that this release of Debian has; the others are left out.
 *
 * @param {string[]} packages
 * @param {(text: string) => void} note
 * @returns {Promise<string[]>} what is installed now.
 */
export async function aptInstallKnown(packages, note) {
  const known = []
  for (const name of packages) {
    const policy = await run('apt-cache', ['policy', name]).catch(() => '')
    if (/Candidate: (?!\(none\))/.test(policy)) known.push(name)
  }
  if (known.length > 0) await aptInstall(known, note)
  return known
}
