/** `npm run bench`: measures this machine against what it is compared with in the same run; a table, and JSON beside it. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { type Platform, startPlatform } from '../support/server/platform.ts'
import { benchAudit } from './audit.ts'
import { type BenchDatabase, benchDatabase } from './database.ts'
import { type Figure, table } from './figure.ts'
import { benchGateways } from './gateways.ts'
import { benchLog } from './log.ts'
import { benchModel } from './model.ts'
import { startProgram } from './processes.ts'
import { installPrograms } from './reference.ts'
import { benchCreate, benchMemory, benchTerminal } from './sandbox.ts'
import { benchTunnel, HOST } from './tunnel.ts'

const port = z.int()
const say = (text: string) => process.stderr.write(`${text}\n`)

async function ofSandboxes(platform: Platform): Promise<Figure[]> {
  const session = await platform.signIn()
  say('create …')
  const { figures, opened } = await benchCreate(session)
  say('memory …')
  const memory = await benchMemory(opened)
  say('terminal …')
  return [...figures, ...(await benchTerminal(session, opened)), ...memory]
}

async function ofDoors(database: BenchDatabase): Promise<Figure[]> {
  const upstream = await startProgram('upstream.ts', z.object({ short: port, bulk: port, models: port }))
  const { short, bulk, models } = upstream.ports
  const start = (sandbox: string) =>
    startProgram('doors.ts', z.object({ egress: port, models: port }), {
      BENCH_SANDBOX: sandbox,
      BENCH_DATABASE: database.gatewayUrl,
      BENCH_HOST: HOST,
      BENCH_PORTS: `${short},${bulk}`,
      BENCH_MODELS: `http://127.0.0.1:${models}`,
    })
  const [doors, others] = [await start('sb_aaaaaaaaaaaaaaaa'), await start('sb_bbbbbbbbbbbbbbbb')]
  try {
    say('tunnels …')
    const tunnels = await benchTunnel(doors.ports.egress, { short, bulk })
    say('two gateways …')
    const instance = ({ ports, pid }: typeof doors) => ({ egress: ports.egress, pid })
    const several = await benchGateways(instance(doors), instance(others), short)
    say('models …')
    return [...tunnels, ...several, ...(await benchModel(doors.ports.models, models))]
  } finally {
    doors.close()
    others.close()
    upstream.close()
  }
}

async function measure(): Promise<Figure[]> {
  const figures: Figure[] = []
  const platform = await startPlatform()
  try {
    figures.push(...(await ofSandboxes(platform)))
  } finally {
    await platform.close()
  }
  const database = await benchDatabase()
  try {
    figures.push(...(await ofDoors(database)))
    say('audit …')
    figures.push(...(await benchAudit(database)))
    say('log …')
    figures.push(...(await benchLog(database)))
  } finally {
    await database.close()
  }
  return figures
}

await installPrograms(say)
const figures = await measure()
const folder = resolve(import.meta.dirname, '..', 'artifacts')
mkdirSync(folder, { recursive: true })
const machine = {
  cpus: cpus().length,
  model: cpus()[0]?.model ?? '',
  node: process.version,
  platform: process.platform,
}
writeFileSync(join(folder, 'bench.json'), `${JSON.stringify({ at: new Date(), machine, figures }, null, 2)}\n`)
process.stdout.write(
  `\n${table(figures)}\n\n${machine.cpus} × ${machine.model}; written to test/artifacts/bench.json\n`,
)
