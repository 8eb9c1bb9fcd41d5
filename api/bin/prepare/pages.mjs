import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { run } from './command.mjs'
import { nodeOf } from './packages.mjs'

const INPUTS = ['web', join('api', 'contract'), 'package-lock.json']
/** The gallery and its states are never in the build. */
const NOT_INPUTS = /^(dist|node_modules|gallery)$|[.]states[.]tsx$/

/** @param {string} path @returns {string[]} */
function filesOf(path) {
  const entries = readdirSync(path, { withFileTypes: true }).filter((entry) => !NOT_INPUTS.test(entry.name))
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() ? filesOf(join(path, entry.name)) : [join(path, entry.name)]))
}

/** What the build is made from, as one hash. @param {string} root */
export function hashInputs(root) {
  const hash = createHash('sha256')
  for (const input of INPUTS) {
    const path = join(root, input)
    for (const file of input.endsWith('.json') ? [path] : filesOf(path))
      hash.update(`${relative(root, file)}\0`).update(readFileSync(file))
  }
  return hash.digest('hex')
}

/**
 * Builds web/ into web/dist when one of its inputs has changed since the last build.
 *
 * @param {string} root
 * @param {(text: string) => void} note
 */
export async function preparePages(root, note) {
  const stamp = join(root, 'web', 'dist', '.inputs')
  const wanted = hashInputs(root)
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  note('building')
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js')
  await run(nodeOf(root), [vite, 'build', 'web', '--logLevel', 'warn'], { cwd: root })
  writeFileSync(stamp, wanted)
}
