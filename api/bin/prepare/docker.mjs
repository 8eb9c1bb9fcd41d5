import { onPath } from './command.mjs'
import { isDebianRoot } from './debian.mjs'
import { findEngine } from './engine.mjs'
import { installEngine } from './install-engine.mjs'
import { CannotStart } from './steps.mjs'

/** What somebody on this machine would type to get Docker. */
function advice() {
  if (process.platform === 'darwin') return 'Install Docker Desktop, or: brew install colima docker && colima start'
  if (onPath('dockerd') !== null) return 'Docker is installed but not running. Start it: sudo systemctl start docker'
  if (onPath('apt-get') !== null) return 'Install it: sudo apt-get install docker.io && sudo systemctl start docker'
  if (onPath('dnf') !== null) return 'Install it: sudo dnf install docker && sudo systemctl start docker'
  return 'Install Docker Engine 20.10 or newer and start it: https://docs.docker.com/engine/install/'
}

/**
 * Finds a Docker engine, or installs and starts one where that is possible and allowed.
 *
 * @param {{ home: string, mayInstall: boolean, note: (text: string) => void }} options
 * @returns {Promise<string>} its address, in DOCKER_HOST's format
 */
export async function prepareDocker({ home, mayInstall, note }) {
  const found = await findEngine()
  if (found !== null) return found
  if (process.env.DOCKER_HOST)
    throw new CannotStart(
      `Docker does not answer at DOCKER_HOST=${process.env.DOCKER_HOST}. Start it, or unset DOCKER_HOST to look in the usual places.`,
    )
  if (mayInstall && isDebianRoot()) {
    note('no Docker found: installing docker.io')
    return installEngine(home, note)
  }
  throw new CannotStart(`Backlot needs Docker, and none answers here. ${advice()}\nThen run npm start again.`)
}
