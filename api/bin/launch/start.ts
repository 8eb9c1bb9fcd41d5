import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { rememberUrl } from '../commands/place.ts'
import type { Steps } from '../prepare/steps.mjs'
import type { Child, Children } from './children/children.ts'
import { openDatabase } from './database/open.ts'
import { checkAddress } from './database/outside.ts'
import type { Launch } from './environment.ts'
import { openGateways } from './gateways.ts'
import { prepareImage } from './image.ts'
import { assertPortIsFree } from './ports.ts'
import { readWarnings } from './warnings.ts'

const api = join(import.meta.dirname, '..', '..')

export interface Started {
  url: string
  signInToken: string | null
  /** Dangers that policies in force accept. */
  unsafe: string[]
  /** Of this machine, for whoever starts Backlot to act on. */
  warnings: string[]
  programs: { runner: Child[]; gateway: Child[]; server: Child[] }
}

interface Options {
  launch: Launch
  children: Children
  step: Steps['step']
  /** On top of the server's own environment, asked at each of its lives. */
  forServer: () => NodeJS.ProcessEnv
}

/** Database, runner, sandbox image, gateways and server, in the order in which they need each other. */
export async function start({ launch, children, step, forServer }: Options): Promise<Started> {
  const { paths, outside } = launch
  // What a person must correct is said before the port, which another Backlot may have, is looked at.
  if (outside !== undefined) checkAddress(outside)
  await assertPortIsFree(launch.host, launch.port)
  for (const folder of ['logs', 'launcher']) mkdirSync(join(paths.root, folder), { recursive: true, mode: 0o700 })

  const databases = await step('Database', () =>
    openDatabase({ home: paths.root, outside, gateways: launch.gateways }, children),
  )
  // The engine's door gets no database: DATABASE_URL stays here.
  const runner = await step('Runner', async () => {
    const child = children.open('runner', join(api, 'runner', 'runner.ts'), { DATABASE_URL: undefined })
    await child.listening(paths.runnerSocket)
    return child
  })
  await step('Sandbox image', (note) => prepareImage(paths.runnerSocket, launch.policies, note))
  return step('Gateways and server', async () => {
    const engineless = { DOCKER_HOST: undefined }
    const gateway = openGateways(children, launch.gateways, { ...engineless, DATABASE_URL: databases.gateway })
    // A free port, once found, stays: people's browsers come back to it when the server is started again.
    const found = { port: String(launch.port) }
    const server = children.open('server', join(api, 'server', 'server.ts'), () => ({
      ...engineless,
      DATABASE_URL: databases.server,
      BACKLOT_PORT: found.port,
      BACKLOT_GATEWAYS: String(launch.gateways),
      ...forServer(),
    }))
    // Side by side: the server waits for a gateway only when it needs it.
    const listening = gateway.map((child, instance) => child.listening(paths.gatewaySocket(instance)))
    const [message] = await Promise.all([server.message(), ...listening])
    if (message.type !== 'ready') throw new Error('The server did not say that it is ready')
    if (found.port === '0') found.port = String(message.port ?? new URL(message.url).port)
    rememberUrl(paths.root, message.url)
    const { url, signInToken, unsafe } = message
    const warnings = [...databases.warnings, ...(await readWarnings(paths.runnerSocket))]
    return { url, signInToken, unsafe, warnings, programs: { runner: [runner], gateway, server: [server] } }
  })
}
