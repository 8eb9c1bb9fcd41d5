import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { aptInstall, aptUpdate, isDebianRoot } from './debian.mjs'
import { CannotStart } from './steps.mjs'

const LIBRARY = 'libatomic.so.1'

/** Where the loader looks, with one level of architecture folders (Debian: /usr/lib/x86_64-linux-gnu). */
function isThere() {
  const roots = ['/lib', '/lib64', '/usr/lib', '/usr/lib64', '/usr/local/lib'].filter((folder) => existsSync(folder))
  return roots.some((folder) => {
    const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.name.includes('linux-'))
    return [folder, ...below.map((entry) => join(folder, entry.name))].some((place) => existsSync(join(place, LIBRARY)))
  })
}

/**
 * The Node 26 of npm's package `node` is linked against libatomic, which a minimal Debian does not have. Without it every
 * install script fails too: they run on that Node as soon as it is unpacked.
 *
 * @param {{ mayInstall: boolean, note: (text: string) => void }} options
 */
export async function prepareLibraries({ mayInstall, note }) {
  if (process.platform !== 'linux' || isThere()) return
  if (!mayInstall || !isDebianRoot())
    throw new CannotStart(
      `Node 26 needs ${LIBRARY}, which is not installed here. Debian and Ubuntu: sudo apt-get install libatomic1. Fedora: sudo dnf install libatomic.\nThen run npm start again.`,
    )
  await aptUpdate(note)
  await aptInstall(['libatomic1'], note)
}
