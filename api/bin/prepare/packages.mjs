import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join, sep } from 'node:path'
import { onPath, run } from './command.mjs'
import { CannotStart } from './steps.mjs'

/** Node 26 from the npm package `node`. @param {string} root */
export const nodeOf = (root) => join(root, 'node_modules', 'node', 'bin', 'node')

/**
 * Whether node_modules holds what package-lock.json says. npm writes `node_modules/.package-lock.json` last of all, so an
 * install that was interrupted does not pass.
 *
 * @param {string} root
 */
export function packagesAreInstalled(root) {
  const record = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(record) || !existsSync(nodeOf(root))) return false
  const read = (/** @type {string} */ file) => JSON.parse(readFileSync(file, 'utf8')).packages ?? {}
  const installed = read(record)
  return Object.entries(read(join(root, 'package-lock.json'))).every(([place, wanted]) => {
    if (place === '' || wanted.optional === true) return true
    const found = installed[place]
    return found?.version === wanted.version && found?.integrity === wanted.integrity
  })
}

/**
 * `npm ci` when node_modules is not what package-lock.json says.
 *
 * @param {string} root
 * @param {(text: string) => void} note
 */
export async function preparePackages(root, note) {
  if (packagesAreInstalled(root)) return
  const environment = { ...process.env }
  // npm ci removes node_modules, with the Node 26 in it that `npm start` may be running on: npm must not be on that one.
  environment.PATH = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.endsWith(`node_modules${sep}.bin`))
    .join(delimiter)
  if (onPath('npm') === null) throw new CannotStart('npm is not installed. Install Node.js 20 or newer with npm.')
  note('npm ci')
  await run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'], { cwd: root, environment })
  if (!existsSync(nodeOf(root)))
    throw new CannotStart(
      'npm did not unpack Node 26 (the package `node`). If install scripts are switched off, run: npm ci --ignore-scripts=false',
    )
}
