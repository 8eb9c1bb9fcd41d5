/** Every flag that runner/container.ts asks for is what the engine says the container has, under each runtime. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { containerOptions, homeLabel } from '../../../api/runner/container.ts'
import { createTestRunner, type TestRunner } from '../../support/sandbox/sandboxes.ts'

let runner: TestRunner
beforeAll(async () => {
  runner = await createTestRunner()
})
afterAll(() => runner?.close())

describe.each([
  { runtime: 'runc', workspaceExec: true },
  { runtime: 'runc', workspaceExec: false },
  { runtime: 'runsc', workspaceExec: true },
] as const)('$runtime, workspaceExec: $workspaceExec', (policy) => {
  test('the engine reports each flag as it was asked for', async () => {
    const environment = { EDITOR: 'nano' }
    const spec = await runner.create({ ...policy, environment, cpus: 0.5, pids: 100 })
    const {
      name,
      HostConfig: host,
      Env,
      Labels,
      ...config
    } = containerOptions(spec, {
      home: homeLabel(runner.root),
      socketsDirectory: `${runner.socketsRoot}/${spec.id}`,
      workspaceDirectory: `${runner.root}/workspaces/${spec.id}`,
      usersDirectory: `${runner.root}/workspaces/${spec.id}.users`,
    })
    const { AutoRemove, CapAdd, ...flags } = host

    const seen = await runner.inspect(spec.id)

    expect(seen.Name).toBe(`/${name}`)
    expect(seen.Config).toMatchObject(config)
    expect(seen.Config.Env).toEqual(expect.arrayContaining(Env))
    expect(seen.Config.Labels).toMatchObject(Labels)
    expect(seen.HostConfig).toMatchObject(flags)
    expect([seen.HostConfig.AutoRemove, seen.HostConfig.CapAdd ?? []]).toEqual([AutoRemove, CapAdd])
    expect(Object.keys(seen.NetworkSettings.Networks)).toEqual(['none'])
    expect(seen.Mounts.map(({ Destination, RW }) => [Destination, RW]).sort()).toEqual([
      ['/etc/group', false],
      ['/etc/passwd', false],
      ['/run/backlot', false],
      ['/workspace', true],
    ])
  })

  test('nothing of the image lets a program gain rights', async () => {
    const { id } = await runner.create(policy)
    const found = await runner.run(id, ['find', '/', '-xdev', '-perm', '/6000', '-type', 'f'])
    expect(found.stdout).toBe('')
  })
})
