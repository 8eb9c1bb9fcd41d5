/**
 * The porter: the one program in a sandbox that belongs to Backlot. It is no boundary against the network, which the gateway
 * judges; it is the witness for proof, exec and terminals, and runs as a user of its own that the agent cannot touch.
 */
import { randomUUID } from 'node:crypto'
import { dial } from './dial.ts'
import { serveDns } from './network/dns.ts'
import { forward } from './network/forward.ts'
import { become, createLaunch, landlockOptions } from './processes/launch.ts'
import { createProcesses } from './processes/processes.ts'
import { createUsers } from './processes/users.ts'
import { createRoutes } from './routes.ts'
import { createTerminals } from './terminals/terminals.ts'

const VERSION = '1'
const SOCKETS = process.env.BACKLOT_SOCKETS ?? '/run/backlot'
const ports = { egress: 3128, models: 4000, dns: 53 }

const complain = (what: string) => (error: unknown) => {
  console.error(`porter: ${what}: ${error instanceof Error ? error.message : String(error)}`)
  return null
}
// Before the handlers below: without users of its own this program ends.
const users = createUsers(process.env)
// Terminals and agents hang on this process: one failed request must not take them along.
process.on('uncaughtException', complain('unexpected'))
process.on('unhandledRejection', complain('unexpected'))

const signal = (group: number, name: NodeJS.Signals) => void users.asMaker(() => process.kill(-group, name))
const environment: Record<string, string> = {}
for (const [name, value] of Object.entries(process.env)) if (value !== undefined) environment[name] = value
// Node reads the proxy variables only when told to. Not in the image's own environment: it costs the porter memory.
environment.NODE_USE_ENV_PROXY = '1'

const startedAt = new Date().toISOString()
const instance = randomUUID()
let dns = false
// Tried while the gateway is dialled: whoever asks for something waits for it, and so no program starts without it.
const routes = landlockOptions(users.maker).then((landlock) => {
  const launch = createLaunch(become(users.maker, landlock), () => terminals.descriptors())
  const starting = { launch, environment, asOwner: users.asMaker, signal }
  const terminals = createTerminals({ ...starting, shell: ['/bin/bash'], cwd: '/workspace' })
  return createRoutes({
    terminals,
    processes: createProcesses(starting),
    starting,
    asWitness: (argv) => [...become(users.witness), ...argv],
    health: () => ({ version: VERSION, pid: process.pid, startedAt, instance, landlock: landlock.length > 0, dns }),
    ownPorts: Object.values(ports),
  })
})

serveDns(ports.dns).then(() => {
  dns = true
}, complain('the DNS stub does not listen'))
forward({ port: ports.egress, socketPath: `${SOCKETS}/egress.sock` }).catch(complain('no way out'))
forward({ port: ports.models, socketPath: `${SOCKETS}/model.sock` }).catch(complain('no way to the models'))
dial(`${SOCKETS}/porter.sock`, async (stream, headers) => (await routes)(stream, headers))

// docker stop: programs get their hang-up from the kernel when the container ends.
process.on('SIGTERM', () => process.exit(0))
