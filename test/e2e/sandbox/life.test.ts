/** Creating, stopping, coming back and going, alone and at the same time (C24). */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../../api/ids.ts'
import { homeLabel } from '../../../api/runner/container.ts'
import { createEngine } from '../../../api/runner/docker.ts'
import { testEngineHost } from '../../support/sandbox/engine.ts'
import { createTestRunner, type TestRunner } from '../../support/sandbox/sandboxes.ts'

let runner: TestRunner
beforeAll(async () => {
  runner = await createTestRunner()
})
afterAll(() => runner?.close())

const mounts = async (id: string) =>
  (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').filter((line) => line.includes(id)).length

test('creating twice with the same spec is creating once; with another spec it is a conflict', async () => {
  const spec = await runner.create()
  const again = await runner.verbs.create(spec)
  expect(again).toMatchObject({ id: spec.id, state: 'running' })
  await expect(runner.verbs.create({ ...spec, pids: 77 })).rejects.toMatchObject({ code: 'conflict' })
})

test('creates of one id at the same time make one container', async () => {
  const spec = await runner.spec()
  const made = await Promise.all([runner.verbs.create(spec), runner.verbs.create(spec), runner.verbs.create(spec)])
  expect(new Set(made.map(({ container }) => container)).size).toBe(1)
})

test('what is in the workspace is there after a stop, a reboot of the host and a start', async () => {
  const { id } = await runner.create()
  await runner.run(id, ['bash', '-c', 'echo kept > /workspace/file'])
  await runner.verbs.stop(id)
  // What a reboot does to the mount.
  await runner.workspaces.unmount(id)
  expect(await mounts(id)).toBe(0)
  await runner.verbs.start(id)
  expect(await runner.run(id, ['cat', '/workspace/file'])).toMatchObject({ stdout: 'kept\n' })
})

test("a folder that a sandbox calls lost+found is not the host's to empty", async () => {
  const { id } = await runner.create()
  await runner.run(id, ['sh', '-c', 'mkdir lost+found && echo kept > lost+found/file'])
  await runner.verbs.stop(id)
  await runner.workspaces.unmount(id)
  await runner.verbs.start(id)
  expect(await runner.run(id, ['cat', 'lost+found/file'])).toMatchObject({ stdout: 'kept\n' })
})

test('a paused sandbox goes on where it stopped, and can be stopped and removed while paused', async () => {
  const { id } = await runner.create()
  expect(await runner.verbs.pause(id)).toMatchObject({ state: 'paused' })
  expect(await runner.verbs.pause(id)).toMatchObject({ state: 'paused' })
  expect(await runner.verbs.start(id)).toMatchObject({ state: 'running' })
  await runner.verbs.pause(id)
  expect(await runner.verbs.stop(id)).toMatchObject({ state: 'exited' })
  await runner.verbs.start(id)
  await runner.verbs.pause(id)
  await runner.verbs.remove(id, 'remove')
  await expect(runner.verbs.get(id)).rejects.toMatchObject({ code: 'not_found' })
})

describe('removing', () => {
  test('leaves no container, mount or file', async () => {
    const { id } = await runner.create()
    await runner.verbs.remove(id, 'remove')
    expect(await runner.engine.inspect(id)).toBeNull()
    expect(await mounts(id)).toBe(0)
    expect((await readdir(join(runner.root, 'workspaces'))).filter((name) => name.includes(id))).toEqual([])
  })

  test('is possible again and again, and for what never was', async () => {
    const { id } = await runner.create()
    await runner.verbs.remove(id, 'remove')
    await runner.verbs.remove(id, 'remove')
    await runner.verbs.remove(newId('sb'), 'remove')
  })

  test('keeps the workspace when asked, and the next container of that id finds it', async () => {
    const spec = await runner.create()
    await runner.run(spec.id, ['bash', '-c', 'echo kept > /workspace/file'])
    await runner.verbs.remove(spec.id, 'keep')
    await runner.verbs.create(spec)
    expect(await runner.run(spec.id, ['cat', '/workspace/file'])).toMatchObject({ stdout: 'kept\n' })
  })
})

describe('another policy, the same workspace', () => {
  const size = (id: string) => runner.run(id, ['df', '--output=size', '-B1', '/workspace'])
  const bytesOf = (stdout: string) => Number(stdout.split('\n')[1])
  const MIB = 2 ** 20

  test('its size and its mode follow, and its files stay', async () => {
    const spec = await runner.create({ diskBytes: 256 * MIB })
    await runner.run(spec.id, ['sh', '-c', 'echo kept > /workspace/file && cp /bin/true /workspace/true'])
    for (const [diskBytes, workspaceExec] of [
      [96 * MIB, false],
      [512 * MIB, true],
    ] as const) {
      await runner.verbs.remove(spec.id, 'keep')
      await runner.verbs.create({ ...spec, diskBytes, workspaceExec })
      const { stdout } = await size(spec.id)
      expect(bytesOf(stdout)).toBeLessThanOrEqual(diskBytes)
      expect(bytesOf(stdout)).toBeGreaterThan(diskBytes * 0.8)
      expect(await runner.run(spec.id, ['cat', '/workspace/file'])).toMatchObject({ stdout: 'kept\n' })
      expect((await runner.run(spec.id, ['/workspace/true'])).exitCode === 0).toBe(workspaceExec)
      // What a reboot does to the mount, and what comes after it.
      await runner.verbs.stop(spec.id)
      await runner.workspaces.unmount(spec.id)
      await runner.verbs.start(spec.id)
      expect((await runner.run(spec.id, ['/workspace/true'])).exitCode === 0).toBe(workspaceExec)
    }
  })

  test('what does not fit is refused in words, and kept', async () => {
    const spec = await runner.create({ diskBytes: 256 * MIB })
    await runner.run(spec.id, ['sh', '-c', 'head -c 150M /dev/urandom > /workspace/file'])
    await runner.verbs.remove(spec.id, 'keep')
    await expect(runner.verbs.create({ ...spec, diskBytes: 96 * MIB })).rejects.toMatchObject({
      code: 'limit_reached',
      message: expect.stringMatching(/allows this workspace 96 MiB .* its files need \d+ MiB\. They are kept/),
    })
    await runner.verbs.create(spec)
    expect(await runner.run(spec.id, ['stat', '-c', '%s', '/workspace/file'])).toMatchObject({
      stdout: `${150 * MIB}\n`,
    })
  })
})

describe('C24: verbs that race', () => {
  test.each([
    { verbs: ['stop', 'remove'] },
    { verbs: ['pause', 'remove'] },
    { verbs: ['start', 'stop', 'remove'] },
    { verbs: ['remove', 'start'] },
    { verbs: ['remove', 'pause', 'stop', 'unpause'] },
  ] as const)('$verbs at once end with nothing left', async ({ verbs }) => {
    const { id } = await runner.create()
    // Running already: Docker 20.10 deadlocks on a pause that meets an exec which is just starting. Backlot has no such exec.
    await runner.run(id, ['bash', '-c', 'sleep 300 > /dev/null 2>&1 &'])
    const ended = await Promise.allSettled(
      verbs.map((verb) => (verb === 'remove' ? runner.verbs.remove(id, 'remove') : runner.verbs[verb](id))),
    )
    for (const one of ended) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'not_found' })
    expect(await runner.engine.inspect(id)).toBeNull()
    expect(await mounts(id)).toBe(0)
  })
})

describe('refusals leave nothing behind', () => {
  test.each([
    { why: 'an image that is not built', change: { image: 'backlot/sandbox:ffffffffffffffff' }, code: 'conflict' },
    { why: 'more disk than there is', change: { diskBytes: 2 ** 50 }, code: 'no_room' },
  ])('$why', async ({ change, code }) => {
    const spec = await runner.spec(change)
    await expect(runner.verbs.create(spec)).rejects.toMatchObject({ code })
    expect(await runner.engine.inspect(spec.id)).toBeNull()
    expect((await readdir(join(runner.root, 'workspaces'))).filter((name) => name.includes(spec.id))).toEqual([])
  })

  test('a sandbox whose door nobody opened', async () => {
    const spec = { ...(await runner.spec()), id: newId('sb') }
    await expect(runner.verbs.create(spec)).rejects.toMatchObject({ code: 'conflict' })
  })
})

test('an installation sees and ends only its own containers', async () => {
  const { id } = await runner.create()
  const other = createEngine(await testEngineHost(), homeLabel('/somewhere/else'))
  expect(await other.list()).toEqual([])
  expect(await other.inspect(id)).toBeNull()
  expect((await runner.verbs.list()).map((one) => one.id)).toContain(id)
})

test('events tell of a container that ends by itself', async () => {
  const { id } = await runner.create()
  const stop = new AbortController()
  const seen = (async () => {
    for await (const event of runner.engine.events(stop.signal))
      if (event.id === id && event.event === 'die') return event
    return null
  })()
  await runner.crash(id)
  expect(await seen).toEqual({ id, event: 'die' })
  stop.abort()
})

test('a mount point whose mount is missing is not writable for a sandbox', async () => {
  const place = await runner.workspaces.place(newId('sb'))
  const { mode, uid } = await stat(place)
  expect([mode & 0o777, uid]).toEqual([0o500, 0])
})
