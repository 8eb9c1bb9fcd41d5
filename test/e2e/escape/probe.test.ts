/** What an attacker finds inside a sandbox, under each runtime, against a golden file. `vitest -u` rewrites it: read the difference. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createTestRunner, type TestRunner } from '../../support/sandbox/sandboxes.ts'

const found = z.looseObject({
  identity: z.looseObject({ CapEff: z.string(), no_new_privs: z.int() }),
  network: z.looseObject({ interfaces: z.array(z.string()), 'names in hosts': z.array(z.string()) }),
  readable: z.array(z.string()),
  sources: z.array(z.string()),
})

let runner: TestRunner
beforeAll(async () => {
  runner = await createTestRunner()
})
afterAll(() => runner?.close())

describe.each(['runc', 'runsc'] as const)('under %s', (runtime) => {
  let seen: z.infer<typeof found>
  let own: string[]

  beforeAll(async () => {
    const { runtimes } = await runner.doctor.examine()
    if (!runtimes.includes(runtime)) {
      throw new Error(
        `${runtime} is not registered with Docker here: this half of the suite did not run. See backlot doctor.`,
      )
    }
    const { id } = await runner.create({ runtime })
    const users = join(runner.root, 'workspaces', `${id}.users`)
    own = [join(runner.socketsRoot, id), join(users, 'passwd'), join(users, 'group')]
    const source = await readFile(join(import.meta.dirname, 'probe.py'), 'utf8')
    const { stdout, stderr } = await runner.run(id, ['python3', '-c', source])
    expect(stderr).toBe('')
    seen = found.parse(JSON.parse(stdout))
  })

  test('it finds what the golden file says and nothing else (C10)', async () => {
    const { sources: _, network, ...rest } = seen
    const { 'names in hosts': __, ...card } = network
    const golden = join(import.meta.dirname, `${runtime}.${process.arch}.golden.json`)
    await expect(`${JSON.stringify({ network: card, ...rest }, null, 2)}\n`).toMatchFileSnapshot(golden)
  })

  test('no secret of the host can be read (C09)', () => {
    // gVisor makes up a kernel command line of its own.
    expect(seen.readable.filter((path) => runtime === 'runc' || path !== '/proc/cmdline')).toEqual([])
  })

  test("of the host's paths it sees its own folder of sockets, its own users and what the engine mounts (C22)", () => {
    // One step deep are file systems of the kernel (/null, /sys); `containers/<id>` is the engine's folder for this one.
    const engines =
      /^\/\w*$|\/containers\/CONTAINER\/(hosts|hostname|resolv\.conf)$|\/(tini|docker-init)[^/]*$|\bCONTAINER$/
    expect(seen.sources.filter((source) => !own.includes(source) && !engines.test(source))).toEqual([])
  })

  test('there is no network card', () => {
    expect(seen.network.interfaces).toEqual(['lo'])
  })

  test("it knows no name of the host's network (D09)", () => {
    expect(seen.network['names in hosts'].filter((name) => !/^(localhost|ip6-[a-z]+)$/.test(name))).toEqual([])
  })

  test('it has no capability and can gain none', () => {
    expect(seen.identity).toMatchObject({ CapEff: '0000000000000000', no_new_privs: 1 })
  })
})
