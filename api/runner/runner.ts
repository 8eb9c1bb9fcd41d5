/** The engine's door: the only program that may speak to Docker. Configuration, wiring, listening, closing. */
import { chmod, mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import pino from 'pino'
import { runnerConfig } from '../config.ts'
import { endWith } from '../program.ts'
import { homeLabel } from './container.ts'
import { createEngine } from './docker.ts'
import { createDoctor } from './doctor/examine.ts'
import { createImages } from './images/build.ts'
import { hostBuildArguments } from './images/host.ts'
import { buildRunner } from './routes.ts'
import { createUserFiles } from './users.ts'
import { createVerbs } from './verbs.ts'
import { createWorkspaces } from './workspace.ts'

const config = runnerConfig()
const log = pino({ name: 'runner', level: config.logLevel })
const home = homeLabel(config.paths.root)
const engine = createEngine(config.dockerHost, home)
const workspaces = createWorkspaces(config.paths.workspaces, config.reserveBytes)
const userFiles = createUserFiles(config.paths.workspaces)
const doctor = createDoctor({ engine, workspaces })
const images = createImages({
  engine,
  folder: join(import.meta.dirname, '..', '..', 'sandbox-images'),
  extraCa: config.extraCa,
  buildArguments: () => hostBuildArguments(config.proxies),
  requireRoom: workspaces.requireRoom,
})
const verbs = createVerbs({
  engine,
  workspaces,
  userFiles,
  socketsRoot: config.paths.sandboxes,
  home,
  enforceable: doctor.enforceable,
})
const app = buildRunner({
  verbs,
  images,
  doctor: doctor.examine,
  engineVersion: async () => (await engine.facts()).ServerVersion,
  events: engine.events,
  log,
})

const socket = config.paths.runnerSocket
await mkdir(dirname(socket), { recursive: true, mode: 0o700 })
// A socket that a killed runner left behind; the launcher sees to it that there is one runner.
await rm(socket, { force: true })
await app.listen({ path: socket })
await chmod(socket, 0o600)

endWith(async () => app.close(), log)
