/**
 * The porter: the one program in a sandbox that belongs to Backlot. It is no boundary: it runs as the same user as the
 * agent. It only makes the way to the gateway convenient; what may pass is decided on the other side of the sockets.
 */
import { dial } from './dial.ts'
import { serveDns } from './network/dns.ts'
import { forward } from './network/forward.ts'
import { createProcesses } from './processes/processes.ts'
import { closing, createWrap } from './processes/wrap.ts'
import { createRoutes } from './routes.ts'
import { createTerminals } from './terminals/terminals.ts'

const VERSION = '1'
const SOCKETS = process.env.BACKLOT_SOCKETS ?? '/run/backlot'
const ports = { egress: 3128, models: 4000, dns: 53 }

const complain = (what: string) => (error: unknown) => {
  console.error(`porter: ${what}: ${error instanceof Error ? error.message : String(error)}`)
  return null
}
// Terminals and agents hang on this process: one failed request must not take them along.
process.on('uncaughtException', complain('unexpected'))
process.on('unhandledRejection', complain('unexpected'))

const { landlock, wrap: restricted } = createWrap()
const wrap = (argv: string[]): string[] => closing(terminals.descriptors(), restricted(argv))
const environment: Record<string, string> = {}
for (const [name, value] of Object.entries(process.env)) if (value !== undefined) environment[name] = value
// Node reads the proxy variables only when told to. Not in the image's own environment: it costs the porter memory.
environment.NODE_USE_ENV_PROXY = '1'

const startedAt = new Date().toISOString()
let dns = false
const terminals = createTerminals({ wrap, environment, shell: ['/bin/bash'], cwd: '/workspace' })
const routes = createRoutes({
  terminals,
  processes: createProcesses(wrap, environment),
  wrap,
  environment,
  health: () => ({ version: VERSION, pid: process.pid, startedAt, landlock, dns }),
  ownPorts: Object.values(ports),
})

serveDns(ports.dns).then(() => {
  dns = true
}, complain('the DNS stub does not listen'))
forward({ port: ports.egress, socketPath: `${SOCKETS}/egress.sock` }).catch(complain('no way out'))
forward({ port: ports.models, socketPath: `${SOCKETS}/model.sock` }).catch(complain('no way to the models'))
dial(`${SOCKETS}/porter.sock`, routes)

// docker stop: programs get their hang-up from the kernel when the container ends.
process.on('SIGTERM', () => process.exit(0))
