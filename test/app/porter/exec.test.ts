import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type PorterWorld, porterWorld, startPorter } from '../../support/sandbox/porter.ts'

let world: PorterWorld
let porter: ReturnType<typeof startPorter>
let gateway: Awaited<ReturnType<PorterWorld['startGateway']>>
beforeAll(async () => {
  world = await porterWorld()
  gateway = await world.startGateway()
  porter = startPorter(world.socketPath)
  await gateway.connected()
})
afterAll(async () => {
  porter.close()
  await world.close()
})

const sh = (script: string, more: { stdin?: string; timeoutMs?: number } = {}) =>
  gateway.porter.exec({ argv: ['sh', '-c', script], cwd: '/', timeoutMs: 20_000, ...more })

describe('exec', () => {
  test.each([
    ['the exit code', 'exit 3', { exitCode: 3 }],
    ['128 + signal when a signal ended it', 'kill -TERM $$', { exitCode: 143 }],
    ['both outputs apart', 'echo out; echo err >&2', { stdout: 'out\n', stderr: 'err\n' }],
    ['the working directory', 'pwd', { stdout: '/\n' }],
    ['UTF-8', 'printf "é🎬"', { stdout: 'é🎬' }],
  ])('gives %s', async (_what, script, expected) => {
    expect(await sh(script)).toMatchObject(expected)
  })

  test('gives what it is told on stdin', async () => {
    expect(await sh('wc -c', { stdin: 'x'.repeat(1_000_000) })).toMatchObject({ exitCode: 0, stdout: '1000000\n' })
  })

  test('is not passed through a shell', async () => {
    const result = await gateway.porter.exec({ argv: ['echo', '$HOME; ls'], cwd: '/', timeoutMs: 5000 })
    expect(result.stdout).toBe('$HOME; ls\n')
  })

  test('ends with 124 after the timeout, and its children end too', async () => {
    const marker = `4242${process.pid}`
    expect(await sh(`sleep ${marker} & sleep ${marker}`, { timeoutMs: 200 })).toMatchObject({ exitCode: 124 })
    expect(await sh(`ps -eo args | grep -c '[s]leep ${marker}'`)).toMatchObject({ stdout: '0\n' })
  })

  test('keeps the first MiB of each output and says that there was more', async () => {
    const result = await sh('head -c 3000000 /dev/zero | tr "\\0" x')
    expect(result).toMatchObject({ exitCode: 0, truncated: true })
    expect(result.stdout).toHaveLength(1_048_576)
  })

  test('gives a reason when the program cannot be started', async () => {
    const result = await gateway.porter.exec({ argv: ['/no/such/program'], cwd: '/', timeoutMs: 5000 })
    expect(result).toMatchObject({ exitCode: 127, stdout: '' })
    expect(result.stderr).toContain('/no/such/program')
  })

  test('does not wait for what a program leaves in the background', async () => {
    expect(await sh('sleep 30 & echo started')).toMatchObject({ exitCode: 0, stdout: 'started\n' })
  })

  test('is killed when the one who asked has gone', async () => {
    const gone = new AbortController()
    const marker = `4343${process.pid}`
    const running = gateway.porter.exec({ argv: ['sleep', marker], cwd: '/', timeoutMs: 60_000 }, gone.signal)
    gone.abort()
    await expect(running).rejects.toMatchObject({ code: 'sandbox_not_ready' })
    const left = `for i in $(seq 100); do ps -eo args | grep -q '^[s]leep ${marker}' || exit 0; sleep 0.05; done; exit 1`
    expect(await sh(left)).toMatchObject({ exitCode: 0 })
  })
})
