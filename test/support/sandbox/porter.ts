import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { createOutbox } from '../../../api/audit/outbox.ts'
import type { AuditEvent } from '../../../api/contract/audit.ts'
import type { ProbeResult } from '../../../api/contract/prototypes.ts'
import { createKeyedQueue } from '../../../api/flow/keyed-queue.ts'
import { createPorterClient } from '../../../api/gateway/porter/client.ts'
import type { PorterEvent } from '../../../api/gateway/porter/connection.ts'
import { createTerminals, type TerminalsDeps } from '../../../api/gateway/terminals/terminals.ts'
import { dial } from '../../../sandbox-images/porter/dial.ts'
import { createLaunch } from '../../../sandbox-images/porter/processes/launch.ts'
import { createProcesses } from '../../../sandbox-images/porter/processes/processes.ts'
import { createRoutes } from '../../../sandbox-images/porter/routes.ts'
import { createTerminals as createPorterTerminals } from '../../../sandbox-images/porter/terminals/terminals.ts'
import { roomy } from '../room.ts'

const log = pino({ level: 'silent' })
type Options = Partial<
  Pick<TerminalsDeps, 'quotaBytes' | 'segmentBytes' | 'recordingRates' | 'openingRate' | 'shared' | 'directory'>
>
const SANDBOX = 'sb_aaaaaaaaaaaaaaaa'

/**
 * A porter in this process, without a container: its terminals, processes and ports are the test's own. `probes` is what
 * it says to a proof: the real attempts would prove something about the test's machine.
 */
export function startPorter(socketPath: string, probes: ProbeResult[] = [], instance: string = randomUUID()) {
  const launch = createLaunch([], () => terminals.descriptors())
  const signal = (group: number, name: NodeJS.Signals) => void process.kill(-group, name)
  const environment = { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: tmpdir(), PS1: '$ ' }
  const starting = { launch, environment, asOwner: <T>(work: () => T) => work(), signal }
  const terminals = createPorterTerminals({
    ...starting,
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
      instance,
      landlock: false,
      dns: false,
    }),
    ownPorts: [],
  })
  const line = dial(socketPath, (stream, headers) => {
    if (headers[':path'] !== '/probe') return routes(stream, headers)
    stream.respond({ ':status': 200 })
    stream.end(JSON.stringify({ results: probes }))
  })
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
  const porterEvents: PorterEvent[] = []
  const append = async (event: AuditEvent) => {
    events.push(event)
  }
  const gateways = new Set<{ stop(): Promise<void> }>()

  /** The gateway's half: the porter's client and the terminals. `stop` is what a restart of the gateway does to them. */
  async function startGateway(options: Options = {}) {
    const porter = createPorterClient({ log, isClaimed: () => false, onEvent: (event) => porterEvents.push(event) })
    const server: Server = createServer({ noDelay: true, allowHalfOpen: true }, porter.accept)
    await rm(socketPath, { force: true })
    await new Promise<void>((listening) => server.listen(socketPath, listening))
    const terminals = createTerminals({
      porter,
      directory: join(folder, 'recordings'),
      sandbox: { id: SANDBOX, owner: () => null },
      append,
      outbox: createOutbox({ append, log }),
      log,
      compression: createKeyedQueue(),
      shared: roomy,
      ...options,
    })
    const gateway = {
      porter,
      terminals,
      /** Resolves when a porter can be asked. */
      connected: () =>
        new Promise<void>((resolve) => {
          if (porter.connected()) resolve()
          else porter.onConnect(resolve)
        }),
      async stop() {
        gateways.delete(gateway)
        await terminals.close()
        await porter.close()
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
    porterEvents,
    startGateway,
    async close() {
      for (const gateway of gateways) await gateway.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
export type PorterWorld = Awaited<ReturnType<typeof porterWorld>>
