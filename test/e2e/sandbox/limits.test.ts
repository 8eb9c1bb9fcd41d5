/** What a sandbox does to itself stays there (C14, C15, C17). */
import { stat, statfs } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { homeLabel } from '../../../api/runner/container.ts'
import { createVerbs } from '../../../api/runner/verbs.ts'
import { createTestRunner, type TestRunner } from '../../support/sandbox/sandboxes.ts'
import { until } from '../../support/until.ts'

const MIB = 2 ** 20
const python = (source: string) => ['python3', '-c', source]

let runner: TestRunner
beforeAll(async () => {
  runner = await createTestRunner()
})
afterAll(() => runner?.close())

const forkBomb = python(`
import os, sys, time
made = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(30); os._exit(0)
        made += 1
except BlockingIOError:
    print(made)
`)

describe('runc', () => {
  test('C14: a fork bomb meets the process limit, and the sandbox beside it does not notice', async () => {
    const [bad, good] = [await runner.create({ pids: 64 }), await runner.create({ pids: 64 })]
    const bomb = await runner.run(bad.id, forkBomb)
    expect(Number(bomb.stdout)).toBeLessThan(64)
    expect(await runner.run(good.id, ['bash', '-c', 'echo fine | cat'])).toMatchObject({
      exitCode: 0,
      stdout: 'fine\n',
    })
    expect((await runner.verbs.stats(bad.id)).pids).toBeLessThanOrEqual(64)
  })

  test('C15: memory beyond the limit ends the process that took it', async () => {
    const { id } = await runner.create({ memoryBytes: 256 * MIB })
    const bomb = await runner.run(id, python('x = bytearray(b"x" * (400 << 20)); print(len(x))'))
    expect(bomb).toMatchObject({ exitCode: 137, stdout: '' })
  })

  test.each([
    { where: '/workspace', atMostMib: 256 },
    { where: '/tmp', atMostMib: 128 },
    { where: '/home/maker', atMostMib: 256 },
    { where: '/dev/shm', atMostMib: 64 },
  ])('C15: $where takes no more than $atMostMib MiB', async ({ where, atMostMib }) => {
    const { id } = await runner.create({ diskBytes: 256 * MIB, memoryBytes: 512 * MIB })
    const filled = await runner.run(id, [
      'bash',
      '-c',
      `head -c 400M /dev/zero > ${where}/big; stat -c %s ${where}/big`,
    ])
    expect(filled.stderr).toContain('No space left on device')
    expect(Number(filled.stdout)).toBeLessThanOrEqual(atMostMib * MIB)
  })

  test('C15: files run out inside, and the host keeps its own', async () => {
    const { id } = await runner.create({ diskBytes: 64 * MIB })
    const made = await runner.run(
      id,
      python(`
import os
n = 0
try:
    while True:
        os.close(os.open(f'/workspace/{n}', os.O_CREAT | os.O_WRONLY)); n += 1
except OSError as problem:
    print(problem.strerror)
`),
    )
    expect(made.stdout.trim()).toBe('No space left on device')
    const own = await statfs(`${runner.root}/workspaces/${id}`)
    expect({ few: own.files < 20_000, free: own.ffree }).toEqual({ few: true, free: 0 })
  })

  test('C15: it cannot print into the log that the host keeps of it, and that is bounded', async () => {
    const { id } = await runner.create()
    const flood = ['bash', '-c', 'head -c 8M /dev/zero | tr "\\\\0" x > /proc/1/fd/1']
    expect(await runner.run(id, flood)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('denied') })
    // What holds more rights than the asker shows nothing of itself, to its own user either (ptrace(2)).
    expect(await runner.run(id, flood, { as: 'porter' })).toMatchObject({ exitCode: 1 })
    const { LogPath } = await runner.inspect(id)
    // For a moment, while Docker begins it anew, there is no file of that name.
    const { size } = await until('the log is there', () => stat(LogPath).catch(() => null))
    expect(size).toBeLessThan(2.5 * MIB)
  })

  test('C17: the agent kills process 1 and everything else in vain', async () => {
    const { id } = await runner.create()
    const { stdout, stderr } = await runner.run(id, ['bash', '-c', 'kill -9 1; kill -STOP 1; echo still here'])
    expect([stdout, stderr.match(/not permitted/g)?.length]).toEqual(['still here\n', 2])
    await runner.run(id, ['bash', '-c', 'kill -9 -1'])
    const { stdout: left } = await runner.run(id, ['ps', '-eo', 'user:20,comm'])
    expect(left).toMatch(/porter +tini\n.*porter +node/s)
    expect(await runner.verbs.get(id)).toMatchObject({ state: 'running' })
  })

  test('C17: a container whose first program dies ends whole, and it is seen', async () => {
    const { id } = await runner.create()
    await runner.crash(id)
    const ended = await until('the container has ended', async () => {
      const now = await runner.verbs.get(id)
      return now.state === 'exited' ? now : null
    })
    expect(ended.exitCode).toBe(137)
    expect(await runner.verbs.start(id)).toMatchObject({ state: 'running' })
  })
})

describe('where the engine cannot hold a limit', () => {
  const verbs = () =>
    createVerbs({
      engine: runner.engine,
      workspaces: runner.workspaces,
      userFiles: runner.userFiles,
      socketsRoot: runner.socketsRoot,
      home: homeLabel(runner.root),
      enforceable: async () => ({ ...(await runner.doctor.enforceable()), unlimited: { runc: ['cpus', 'pids'] } }),
    })

  test('a sandbox is refused by the names of the limits, and nothing of it is left', async () => {
    const { unsafeUnlimited: _, ...spec } = await runner.spec()
    await expect(verbs().create(spec)).rejects.toMatchObject({
      code: 'policy_invalid',
      message: expect.stringMatching(/^sandbox\.runtime: sandbox\.cpus and sandbox\.pids would not hold with runc/),
    })
    expect(await runner.engine.inspect(spec.id)).toBeNull()
    expect(await runner.workspaces.exists(spec.id)).toBe(false)
  })

  test('it runs when its policy accepts that, by the name of the danger', async () => {
    const spec = { ...(await runner.spec()), unsafeUnlimited: true as const }
    expect(await verbs().create(spec)).toMatchObject({ state: 'running' })
  })
})

describe('C41 a policy that demands a repaired runtime', () => {
  const verbs = (escapes: { runc?: string }) =>
    createVerbs({
      engine: runner.engine,
      workspaces: runner.workspaces,
      userFiles: runner.userFiles,
      socketsRoot: runner.socketsRoot,
      home: homeLabel(runner.root),
      enforceable: async () => ({ ...(await runner.doctor.enforceable()), escapes }),
    })

  test('is refused by its name on a broken one, at making and at starting, and nothing is left', async () => {
    const spec = { ...(await runner.spec()), requirePatchedRuntime: true as const }
    const refusal = {
      code: 'policy_invalid',
      message: expect.stringMatching(/^sandbox\.requirePatchedRuntime: runc has a hole/),
    }
    await expect(verbs({ runc: 'runc has a hole.' }).create(spec)).rejects.toMatchObject(refusal)
    expect(await runner.engine.inspect(spec.id)).toBeNull()
    await verbs({}).create(spec)
    await verbs({}).stop(spec.id)
    await expect(verbs({ runc: 'runc has a hole.' }).create(spec)).rejects.toMatchObject(refusal)
  })
})

describe('workspaceExec: false', () => {
  test.each([
    { runtime: 'runc', where: '/workspace' },
    { runtime: 'runc', where: '/tmp' },
    { runtime: 'runc', where: '/home/maker' },
    { runtime: 'runc', where: '/dev/shm' },
    { runtime: 'runsc', where: '/workspace' },
    { runtime: 'runsc', where: '/tmp' },
    { runtime: 'runsc', where: '/home/maker' },
    { runtime: 'runsc', where: '/dev/shm' },
  ] as const)('$runtime: a program that was put into $where does not run', async ({ runtime, where }) => {
    const { id } = await runner.create({ runtime, workspaceExec: false })
    const ran = await runner.run(id, ['bash', '-c', `cp /usr/bin/echo ${where}/mine && ${where}/mine it ran`])
    // 126: the kernel says "permission denied". 139: gVisor starts it and may not map its pages.
    expect([126, 139]).toContain(ran.exitCode)
    expect(ran.stdout).toBe('')
  })
})
