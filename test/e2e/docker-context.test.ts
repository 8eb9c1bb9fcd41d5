/** Which engine `npm start` and `backlot` choose, from the docker CLI's configuration and the environment. */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { findEngine } from '../../api/bin/prepare/engine.mjs'
import { testEngineHost } from '../support/sandbox/engine.ts'
import { runProgram } from '../support/server/program.ts'

let folder: string
/** Null on a machine whose engine is only where DOCKER_HOST says. */
let usual: string | null
let proxy: { server: Server; address: string; asked: () => number }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bl-'))
  const engine = await testEngineHost()
  proxy = await startProxy(join(folder, 'engine.sock'), engine.replace('unix://', ''))
  await mkdir(join(folder, 'config'))
  vi.stubEnv('DOCKER_CONFIG', join(folder, 'config'))
  vi.stubEnv('DOCKER_HOST', undefined)
  vi.stubEnv('DOCKER_CONTEXT', undefined)
  usual = await findEngine()
  vi.unstubAllEnvs()
  await writeContext('elsewhere', proxy.address)
  await writeContext('gone', `unix://${join(folder, 'gone.sock')}`)
})
afterEach(() => vi.unstubAllEnvs())
afterAll(async () => {
  await new Promise((closed) => proxy.server.close(closed))
  await rm(folder, { recursive: true, force: true })
})

/** The real engine behind another socket. */
async function startProxy(path: string, engine: string) {
  let asked = 0
  const server = createServer((client) => {
    asked += 1
    const upstream = connect(engine)
    client.pipe(upstream).pipe(client)
    client.on('error', () => upstream.destroy())
    upstream.on('error', () => client.destroy())
  })
  await new Promise<void>((listening) => server.listen(path, listening))
  return { server, address: `unix://${path}`, asked: () => asked }
}

/** As `docker context create` writes it. */
async function writeContext(name: string, host: string) {
  const at = join(folder, 'config', 'contexts', 'meta', createHash('sha256').update(name).digest('hex'))
  await mkdir(at, { recursive: true })
  const meta = { Name: name, Metadata: {}, Endpoints: { docker: { Host: host, SkipTLSVerify: false } } }
  await writeFile(join(at, 'meta.json'), JSON.stringify(meta))
}
const useConfig = (text: string) => writeFile(join(folder, 'config', 'config.json'), text)
const current = (name: string) => JSON.stringify({ auths: {}, currentContext: name })

describe('the engine is', () => {
  test.each([
    { what: "the active context's", config: current('elsewhere'), env: {}, found: 'proxy' },
    {
      what: "the one of DOCKER_CONTEXT's",
      config: current('gone'),
      env: { DOCKER_CONTEXT: 'elsewhere' },
      found: 'proxy',
    },
    { what: 'a usual one, when the default context is active', config: current('default'), env: {}, found: 'usual' },
    { what: 'a usual one, when no context was chosen', config: '{}', env: {}, found: 'usual' },
    { what: 'a usual one, when the context has gone', config: current('removed'), env: {}, found: 'usual' },
    { what: "a usual one, when the context's does not answer", config: current('gone'), env: {}, found: 'usual' },
    { what: 'a usual one, when the configuration is broken', config: '{"currentContext"', env: {}, found: 'usual' },
    {
      what: "DOCKER_HOST's, whatever is active",
      config: current('gone'),
      env: { DOCKER_HOST: 'proxy' },
      found: 'proxy',
    },
    {
      what: 'none, when DOCKER_HOST does not answer',
      config: current('elsewhere'),
      env: { DOCKER_HOST: 'gone' },
      found: 'none',
    },
  ])('$what', async ({ config, env, found }) => {
    await useConfig(config)
    const hosts: Record<string, string> = { proxy: proxy.address, gone: `unix://${join(folder, 'gone.sock')}` }
    const { DOCKER_HOST = '', DOCKER_CONTEXT } = env
    vi.stubEnv('DOCKER_CONFIG', join(folder, 'config'))
    vi.stubEnv('DOCKER_HOST', hosts[DOCKER_HOST])
    vi.stubEnv('DOCKER_CONTEXT', DOCKER_CONTEXT)
    const expected = { proxy: proxy.address, usual, none: null }[found]
    expect(await findEngine()).toBe(expected)
  })
})

test('a command speaks to the engine of the active context', async () => {
  await useConfig(current('elsewhere'))
  const before = proxy.asked()
  const env = { DOCKER_CONFIG: join(folder, 'config'), DOCKER_HOST: undefined, BACKLOT_HOME: join(folder, 'home') }
  const { stdout } = await runProgram('backlot.mjs', ['doctor'], env)
  expect(stdout).toMatch(/Docker: Version/)
  expect(proxy.asked()).toBeGreaterThan(before + 1)
})
