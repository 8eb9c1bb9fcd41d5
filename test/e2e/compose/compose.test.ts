/** docker-compose.yml as it is: four services from one Dockerfile, a prototype made in them, a command run in its sandbox. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { removeSandboxesOf } from '../../support/sandbox/leftovers.ts'
import { ownEnvironment } from '../../support/server/environment.ts'
import { createSession } from '../../support/server/session.ts'
import { until } from '../../support/until.ts'

const root = resolve(import.meta.dirname, '..', '..', '..')
const MINUTE_MS = 60_000
const docker = new Docker()
const has = (image: string) =>
  docker
    .getImage(image)
    .inspect()
    .then(
      () => true,
      () => false,
    )

async function run(file: string, argv: string[], env = ownEnvironment()): Promise<string> {
  const { stdout } = await promisify(execFile)(file, argv, {
    cwd: root,
    env,
    timeout: 9 * MINUTE_MS,
    maxBuffer: 64 * 1024 * 1024,
  })
  return stdout
}

/** postgres:18 where it is or can be pulled, else a stand-in from Debian's packages. */
async function postgresImage(base: string): Promise<string> {
  const official = 'postgres:18'
  if (await has(official)) return official
  const stream = await docker.pull(official).catch(() => null)
  if (stream !== null) {
    await new Promise<void>((settle) => docker.modem.followProgress(stream, () => settle()))
    if (await has(official)) return official
  }
  const made = 'backlot/test-postgres:latest'
  const build = ['build', '-q', '--network', 'host', '--build-arg', `BASE=${base}`, '-t', made, 'test/e2e/compose']
  await run('docker', build, ownEnvironment({ DOCKER_BUILDKIT: '0' }))
  return made
}

function freePort(): Promise<number> {
  return new Promise((settle) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => settle(address !== null && typeof address !== 'string' ? address.port : 0))
    })
  })
}

describe('docker compose', () => {
  // The engine looks for sockets and workspaces by this path; its mount must be shared for what the runner mounts to be seen.
  const home = mkdtempSync(join(tmpdir(), 'bl-'))
  const project = `backlot-test-${randomBytes(4).toString('hex')}`
  const world = { env: ownEnvironment(), url: '' }
  const compose = (...argv: string[]) => run('docker-compose', ['-p', project, ...argv], world.env)

  beforeAll(async () => {
    await run('mount', ['--bind', home, home])
    await run('mount', ['--make-rshared', home])
    const base = (await has('debian:trixie-slim')) ? 'debian:trixie-slim' : 'backlot/debian:trixie-slim'
    const settings = await run(
      process.execPath,
      ['api/bin/backlot.mjs', 'compose-env'],
      ownEnvironment({ BACKLOT_HOME: home }),
    )
    const given = Object.fromEntries(
      settings
        .trim()
        .split('\n')
        .map((line) => [line.split('=')[0], line.slice(line.indexOf('=') + 1)]),
    )
    const port = await freePort()
    world.url = `http://127.0.0.1:${port}`
    world.env = ownEnvironment({
      ...given,
      DOCKER_BUILDKIT: '0',
      COMPOSE_DOCKER_CLI_BUILD: '0',
      BACKLOT_TAG: project,
      BACKLOT_BASE: base,
      BACKLOT_BUILD_NETWORK: 'host',
      BACKLOT_RUNNER_NETWORK: 'host',
      BACKLOT_PUBLISH: `127.0.0.1:${port}`,
      BACKLOT_URL: world.url,
      POSTGRES_IMAGE: await postgresImage(base),
    })
    await compose('build', 'migrate')
    await compose('up', '-d', '--no-build')
  })

  afterAll(async () => {
    const artifacts = join(root, 'test', 'artifacts')
    mkdirSync(artifacts, { recursive: true })
    writeFileSync(join(artifacts, 'compose.log'), await compose('logs', '--no-color').catch(String))
    await compose('down', '--volumes', '--timeout', '5').catch(() => {})
    await removeSandboxesOf(home)
    await run('umount', ['--lazy', home]).catch(() => {})
    rmSync(home, { recursive: true, force: true })
    await docker
      .getImage(`backlot/platform:${project}`)
      .remove({ force: true })
      .catch(() => {})
  })

  test('the platform comes up, and a sandbox works and is walled in', { timeout: 6 * MINUTE_MS }, async () => {
    const ready = () =>
      fetch(`${world.url}/readyz`).then(
        (answer) => (answer.status === 200 ? true : null),
        () => null,
      )
    await until('the services are ready', ready, 2 * MINUTE_MS)
    const said = await compose('exec', '-T', 'server', 'backlot', 'sign-in', 'link')
    const token = /#token=(\S+)/.exec(said)?.[1] ?? ''
    const owner = await createSession(world.url, { token })
    const { sandbox } = await owner.createPrototype('In compose')
    expect(sandbox.proof?.ok).toBe(true)
    expect(await owner.shell(sandbox.id, 'id -un && touch kept && ls')).toMatchObject({ stdout: 'maker\nkept\n' })
    // What the runner mounted in its own container is what the engine found by that path: 4 GiB, not the host's disk.
    const size = await owner.shell(sandbox.id, 'df -B1 --output=size /workspace | tail -1')
    expect(Number(size.stdout)).toBeLessThanOrEqual(4 * 2 ** 30)
    const refused = await owner.shell(sandbox.id, 'curl -sS https://example.com 2>&1')
    expect(refused.stdout).toMatch(/403/)

    // The first sandbox is gateway/0's: what happens to the other one is none of its business.
    const stop = "kill -STOP $(grep -lz '^BACKLOT_GATEWAY=1$' /proc/[0-9]*/environ | cut -d/ -f3)"
    await compose('exec', '-T', 'gateway', 'sh', '-c', stop)
    expect(await owner.shell(sandbox.id, 'echo here')).toMatchObject({ stdout: 'here\n' })
    await until('the one that hangs is started again', async () => {
      const logs = await compose('logs', '--no-color', 'gateway')
      return /gateway\/1 did not answer for 2 s and was killed.*"name":"gateway\/1".*listening/s.test(logs) || null
    })
  })
})
