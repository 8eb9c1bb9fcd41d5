/** api/runner/runner.ts as a program: its socket, its answers, its death. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createRunnerClient, type RunnerClient } from '../../../api/server/nodes/runner.ts'
import { testEngineHost } from '../../support/sandbox/engine.ts'
import { createTestRunner, type TestRunner } from '../../support/sandbox/sandboxes.ts'
import { ownEnvironment } from '../../support/server/environment.ts'
import { until } from '../../support/until.ts'

const program = resolve(import.meta.dirname, '..', '..', '..', 'api', 'runner', 'runner.ts')
let runner: TestRunner
let socket: string
let client: RunnerClient
const children: ChildProcess[] = []

beforeAll(async () => {
  runner = await createTestRunner()
  socket = join(runner.root, 'runner', 'control.sock')
  client = createRunnerClient(socket)
})
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  }
})
afterAll(async () => {
  await client?.close()
  await runner?.close()
})

async function startProgram(dockerHost?: string): Promise<ChildProcess> {
  const env = ownEnvironment({
    BACKLOT_HOME: runner.root,
    BACKLOT_LOG_LEVEL: 'warn',
    DOCKER_HOST: dockerHost ?? (await testEngineHost()),
  })
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'inherit', 'inherit'] })
  children.push(child)
  await until('the runner answers', () => client.health().catch(() => null))
  return child
}

async function killed(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

test('its socket is for its owner alone', async () => {
  await startProgram()
  expect((await stat(socket)).mode & 0o777).toBe(0o600)
})

test('it says which engine it has, and why when it has none', async () => {
  const child = await startProgram()
  expect(await client.health()).toMatchObject({ ok: true, engine: expect.stringMatching(/^\d+\./), reason: null })
  await killed(child)
  await startProgram(`unix://${join(runner.root, 'no-engine.sock')}`)
  expect(await client.health()).toMatchObject({ ok: false, engine: null, reason: expect.stringContaining('Docker') })
  await expect(client.list()).rejects.toMatchObject({ code: 'runner_unavailable' })
  expect(await client.doctor()).toMatchObject({ runtimes: [] })
})

test('killed with -9, it harms no sandbox, and the next one knows them all', async () => {
  const child = await startProgram()
  const spec = await runner.spec()
  const made = await client.create(spec)
  await killed(child)
  await expect(client.health()).rejects.toMatchObject({ code: 'runner_unavailable' })
  expect(await runner.run(spec.id, ['echo', 'alive'])).toMatchObject({ stdout: 'alive\n' })
  await startProgram()
  expect(await client.list()).toEqual([made])
  expect(await client.create(spec)).toEqual(made)
  await client.remove(spec.id)
  expect(await client.list()).toEqual([])
})

describe('over HTTP', () => {
  test('an image that is there is done at once', async () => {
    await startProgram()
    expect(await client.ensureImage(['git', 'node'])).toBe(runner.image)
  })

  test('a tool that does not exist is refused by name', async () => {
    await startProgram()
    await expect(client.ensureImage(['rootkit'])).rejects.toMatchObject({
      code: 'policy_invalid',
      message: expect.stringContaining('rootkit'),
    })
  })

  test('C23: a spec that the schema does not know reaches no engine', async () => {
    await startProgram()
    const spec = { ...(await runner.spec()), image: 'evil/image:latest' }
    await expect(client.create(spec)).rejects.toMatchObject({ code: 'invalid_request' })
    await expect(client.get('sb_..')).rejects.toMatchObject({ code: 'invalid_request' })
    expect(await client.list()).toEqual([])
  })

  test('events come as they happen, until the reader leaves', async () => {
    await startProgram()
    const stop = new AbortController()
    const spec = await runner.spec()
    const seen: string[] = []
    const reading = (async () => {
      for await (const { id, event } of client.events(stop.signal)) {
        if (id === spec.id) seen.push(event)
        if (event === 'destroy') return
      }
    })()
    await until('the engine streams its events', async () => {
      await client.create(spec)
      await client.pause(spec.id)
      await client.unpause(spec.id)
      return seen.includes('unpause') ? true : null
    })
    await client.remove(spec.id)
    await reading
    stop.abort()
    expect(seen.at(-1)).toBe('destroy')
  })
})
