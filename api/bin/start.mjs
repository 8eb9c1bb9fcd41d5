#!/usr/bin/env node
/**
 * `npm start` and `npm run dev`: plain JavaScript for any Node ≥ 18. Makes the machine ready, then hands over to
 * launch/launch.ts or dev/dev.ts on the Node 26 that the packages bring.
 */
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HELP, readOptions } from './options.mjs'
import { prepareBaseImage } from './prepare/base-image.mjs'
import { prepareDocker } from './prepare/docker.mjs'
import { prepareLibraries } from './prepare/libraries.mjs'
import { nodeOf, preparePackages } from './prepare/packages.mjs'
import { preparePages } from './prepare/pages.mjs'
import { CannotStart, createSteps } from './prepare/steps.mjs'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
/** All the steps of a start: the first ones here, the others in launch/start.ts. */
const STEPS = 7
/** The longest path below the state folder, a sandbox's socket, and its limit of 108 bytes (unix(7)) leave this many. */
const LONGEST_HOME = 64

async function start() {
  const options = readOptions(process.argv.slice(2))
  if (options.help) {
    process.stdout.write(HELP)
    return
  }
  const home = resolve(process.env.BACKLOT_HOME ?? join(root, '.backlot'))
  if (Buffer.byteLength(home) > LONGEST_HOME)
    throw new CannotStart(`The state folder's path is too long for unix sockets: ${home}
Set BACKLOT_HOME to one of at most ${LONGEST_HOME} characters, such as /var/lib/backlot.`)
  mkdirSync(home, { recursive: true, mode: 0o700 })
  chmodSync(home, 0o700)

  const stream = options.json ? process.stderr : process.stdout
  const { step } = createSteps({ stream, total: STEPS })
  const { mayInstall } = options
  await step('Packages', async (note) => {
    await prepareLibraries({ mayInstall, note })
    await preparePackages(root, note)
  })
  const engine = await step('Docker', async (note) => {
    const found = await prepareDocker({ home, mayInstall, note })
    await prepareBaseImage({ engine: found, mayInstall, note })
    return found
  })
  // For `npm run dev` Vite makes them as they are asked for, which is its last step.
  if (!options.dev) await step('Web pages', (note) => preparePages(root, note))

  const extraCa = process.env.NODE_EXTRA_CA_CERTS ?? process.env.BACKLOT_EXTRA_CA
  const entry = options.dev ? join('dev', 'dev.ts') : join('launch', 'launch.ts')
  const launcher = spawn(nodeOf(root), [join(root, 'api', 'bin', entry)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: {
      ...process.env,
      ...(extraCa ? { NODE_EXTRA_CA_CERTS: extraCa } : {}),
      // A program that is started again and again need not be compiled again.
      ...(options.dev ? { NODE_COMPILE_CACHE: join(home, 'launcher', 'compile-cache') } : {}),
      BACKLOT_HOME: home,
      BACKLOT_HOST: options.host,
      BACKLOT_PORT: String(options.port),
      BACKLOT_TRUSTED_PROXY: options.trustedProxy,
      BACKLOT_GATEWAYS: String(options.gateways),
      BACKLOT_LAUNCH_JSON: options.json ? '1' : '',
      BACKLOT_LAUNCH_STEPS: String(STEPS),
      BACKLOT_LAUNCH_STEPS_DONE: options.dev ? '2' : '3',
      DOCKER_HOST: engine,
    },
  })
  // Ctrl-C reaches the launcher by itself (same process group); what is sent to this process alone is passed on.
  process.on('SIGINT', () => {})
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => launcher.kill('SIGTERM'))
  launcher.on('exit', (code, signal) => process.exit(signal === null ? code : 1))
}

start().catch((error) => {
  process.stderr.write(`\n${error instanceof CannotStart ? error.message : (error.stack ?? error)}\n`)
  process.exit(1)
})
