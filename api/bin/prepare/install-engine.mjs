import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { onPath, run } from './command.mjs'
import { aptInstall, aptInstallKnown, aptUpdate } from './debian.mjs'
import { answers } from './engine.mjs'
import { CannotStart } from './steps.mjs'

const HOST = 'unix:///var/run/docker.sock'
const START_TIMEOUT_MS = 40_000
/** gVisor as sandboxes need it: no network of its own, unix sockets of the host (ours only: the mount decides), cgroups left alone. Not --oci-seccomp: it answers EPERM where the profile says ENOSYS, and threads fail. */
const RUNSC_ARGUMENTS = ['--ignore-cgroups', '--network=none', '--host-uds=all']

/**
 * Installs Docker, and gVisor where Debian has it, and starts it so that it outlives this program: sandboxes go on running
 * when Backlot stops.
 *
 * @param {string} home the state folder, which keeps dockerd's log where there is no systemd
 * @param {(text: string) => void} note
 * @returns {Promise<string>} the engine's address
 */
export async function installEngine(home, note) {
  if (onPath('dockerd') === null) {
    await aptUpdate(note)
    // mmdebstrap makes the base image where no registry can be reached; e2fsprogs makes sized workspaces.
    await aptInstall(['docker.io', 'e2fsprogs', 'ca-certificates', 'mmdebstrap'], note)
    // The CLI is a package of its own since trixie. Backlot does not use it; people do.
    await aptInstallKnown(['docker-cli', 'runsc'], note)
  }
  registerRunsc()
  await startEngine(home, note)
  return HOST
}

/** Adds the runtime `runsc` to Docker's configuration, keeping everything else that stands there. */
function registerRunsc() {
  const path = onPath('runsc')
  if (path === null) return
  const file = '/etc/docker/daemon.json'
  const now = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
  if (now.runtimes?.runsc !== undefined) return
  const runtimes = { ...now.runtimes, runsc: { path, runtimeArgs: RUNSC_ARGUMENTS } }
  mkdirSync('/etc/docker', { recursive: true })
  writeFileSync(file, `${JSON.stringify({ ...now, runtimes }, null, 2)}\n`)
}

/** @param {string} home @param {(text: string) => void} note */
async function startEngine(home, note) {
  if (existsSync('/run/systemd/system')) {
    note('systemctl enable --now docker')
    await run('systemctl', ['enable', 'docker'])
    await run('systemctl', ['restart', 'docker'])
    if (await within(START_TIMEOUT_MS)) return
    throw new CannotStart('Docker was installed but does not start. Look at: journalctl -u docker')
  }
  // Some packagings start dockerd on install; then it only has to read its configuration again.
  if (await answers(HOST)) {
    process.kill(Number(readFileSync('/var/run/docker.pid', 'utf8')), 'SIGHUP')
    return
  }
  const log = join(home, 'docker', 'dockerd.log')
  mkdirSync(join(home, 'docker'), { recursive: true, mode: 0o700 })
  // Where iptables is not allowed (a container), Docker runs without its bridge. Sandboxes have no network card anyway.
  for (const extra of [[], ['--iptables=false', '--ip6tables=false', '--bridge=none']]) {
    note(['starting dockerd', ...extra].join(' '))
    const output = openSync(log, 'a', 0o600)
    const daemon = spawn(onPath('dockerd') ?? 'dockerd', extra, { detached: true, stdio: ['ignore', output, output] })
    daemon.unref()
    let ended = false
    daemon.on('exit', () => {
      ended = true
    })
    if (await within(START_TIMEOUT_MS, () => ended)) {
      writeFileSync(join(home, 'docker', 'dockerd.pid'), `${daemon.pid}\n`, { mode: 0o600 })
      return
    }
    if (!ended) daemon.kill('SIGTERM')
  }
  const tail = readFileSync(log, 'utf8').trim().split('\n').slice(-5).join('\n')
  throw new CannotStart(`Docker is installed but dockerd does not start. The end of ${log}:\n${tail}`)
}

/** @param {number} timeoutMs @param {() => boolean} [over] */
async function within(timeoutMs, over = () => false) {
  for (const end = Date.now() + timeoutMs; Date.now() < end && !over(); await wait(200))
    if (await answers(HOST)) return true
  return false
}
