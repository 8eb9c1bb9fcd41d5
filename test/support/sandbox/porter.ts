import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import type { AuditEvent } from '../../../api/contract/audit.ts'
import { createKeyedQueue } from '../../../api/flow/keyed-queue.ts'
import { createPorterClient } from '../../../api/gateway/porter/client.ts'
import { createTerminals, type TerminalsDeps } from '../../../api/gateway/terminals/terminals.ts'
import { dial } from '../../../sandbox-images/porter/dial.ts'
import { createLaunch } from '../../../sandbox-images/porter/processes/launch.ts'
import { createProcesses } from '../../../sandbox-images/porter/processes/processes.ts'
import { createRoutes } from '../../../sandbox-images/porter/routes.ts'
import { createTerminals as createPorterTerminals } from '../../../sandbox-images/porter/terminals/terminals.ts'

const log = pino({ level: 'silent' })
const SANDBOX = 'sb_aaaaaaaaaaaaaaaa'

/** A porter in this process, without a container: its terminals, processes and ports are the test's own. */
export function startPorter(socketPath: string) {
  const launch = createLaunch([], () => terminals.descriptors())
  const signal = (group: number, name: NodeJS.Signals) => void process.kill(-group, name)
  const environment = { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: tmpdir(), PS1: '$ ' }
  const starting = { launch, environment, signal }
  const terminals = createPorterTerminals({
    ...starting,
    asOwner: (work) => work(),
    shell: ['/bin/bash', '--norc'],
    cwd: '/',
  })
  const routes = createRoutes({
    terminals,
    processes: createProcesses(starting),
    starting,
    asWitness: (argv) => argv,
    health: () => ({
      version: 'test',
      pid: process.pid,
      startedAt: new Date().toISOString(),
      landlock: false,
      dns: false,
    }),
    ownPorts: [],
  })
  const line = dial(socketPath, routes)
  return {
    terminals,
    close() {
      line.close()
      for (const { name } of terminals.list()) terminals.remove(name)
    },
  }
}

/** A folder with the socket that a porter dials, and gateways that come and go on it. */
export async function porterWorld() {
  const folder = await mkdtemp(join(tmpdir(), 'bl-'))
  const socketPath = join(folder, 'porter.sock')
  const events: AuditEvent[] = []
  const gateways = new Set<{ stop(): Promise<void> }>()

  /** The gateway's half: link and terminals. `stop` is what a restart of the gateway does to them. */
  async function startGateway(options: Pick<TerminalsDeps, 'quotaBytes' | 'segmentBytes' | 'pace'> = {}) {
    const link = createPorterClient({ log })
    const server: Server = createServer({ noDelay: true, allowHalfOpen: true }, link.accept)
    await rm(socketPath, { force: true })
    await new Promise<void>((listening) => server.listen(socketPath, listening))
    const terminals = createTerminals({
      link,
      directory: join(folder, 'recordings'),
      sandbox: { id: SANDBOX, current: () => null },
      append: async (event) => {
        events.push(event)
      },
      log,
      compression: createKeyedQueue(),
      ...options,
    })
    const gateway = {
      link,
      terminals,
      /** Resolves when a porter can be asked. */
      connected: () =>
        new Promise<void>((resolve) => {
          if (link.connected()) resolve()
          else link.onConnect(resolve)
        }),
      async stop() {
        gateways.delete(gateway)
        await terminals.close()
        await link.close()
        await new Promise((closed) => server.close(closed))
      },
    }
    gateways.add(gateway)
    return gateway
  }

  return {
    folder,
    socketPath,
    events,
    startGateway,
    async close() {
      for (const gateway of gateways) await gateway.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
export type PorterWorld = Awaited<ReturnType<typeof porterWorld>>
