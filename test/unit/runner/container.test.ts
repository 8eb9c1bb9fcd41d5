import { describe, expect, test } from 'vitest'

import { type SandboxSpec, sandboxSpec, usersOf } from '../../../api/contract/programs/runner.ts'

import { containerOptions, homeLabel, specHash } from '../../../api/runner/container.ts'

const spec: SandboxSpec = {
  id: 'sb_aaaaaaaaaaaaaaaa',
  policy: { name: 'standard', version: 3 },
  image: 'backlot/sandbox:0123456789abcdef',
  runtime: 'runc',
  users: usersOf(7, 'runc'),
  cpus: 1.5,
  memoryBytes: 2 ** 31,
  diskBytes: 2 ** 32,
  pids: 256,
  workspaceExec: true,
  environment: { A: '1', B: '2' },
}
const place = {
  home: 'h',
  socketsDirectory: '/state/sandboxes/x',
  workspaceDirectory: '/state/workspaces/x',
  usersDirectory: '/state/workspaces/x.users',
}
const host = (change: Partial<SandboxSpec> = {}) => containerOptions({ ...spec, ...change }, place).HostConfig

describe('the container', () => {
  test.each([
    { what: 'has no network card', flags: { NetworkMode: 'none' } },
    { what: 'asks only its own name server', flags: { Dns: ['127.0.0.1'], DnsSearch: ['.'], ExtraHosts: [] } },
    { what: 'has two capabilities', flags: { CapDrop: ['ALL'], CapAdd: ['SETUID', 'SETGID'], Privileged: false } },
    { what: 'cannot write to its image', flags: { ReadonlyRootfs: true } },
    { what: 'has no swap', flags: { Memory: 2 ** 31, MemorySwap: 2 ** 31 } },
    { what: 'has its share of CPU and processes', flags: { NanoCpus: 1_500_000_000, PidsLimit: 256 } },
    { what: 'shares no namespace', flags: { IpcMode: 'private', CgroupnsMode: 'private', PidMode: '', UTSMode: '' } },
    { what: 'has no device', flags: { Devices: [], DeviceCgroupRules: [] } },
    { what: 'dies before the platform', flags: { OomScoreAdj: 500, OomKillDisable: false } },
    { what: 'comes back only when the server says so', flags: { RestartPolicy: { Name: 'no', MaximumRetryCount: 0 } } },
  ])('$what', ({ flags }) => {
    expect(host()).toMatchObject(flags)
  })

  test.each([
    { runtime: 'runc' as const, first: '/usr/bin/setpriv', next: '/usr/bin/tini' },
    { runtime: 'runsc' as const, first: '/usr/bin/tini', next: '/usr/local/bin/node' },
  ])('begins as user 0 of $runtime and becomes the porter', ({ runtime, first, next }) => {
    const { User, Cmd, Entrypoint } = containerOptions({ ...spec, runtime, users: usersOf(7, runtime) }, place)
    expect({ User, Entrypoint, first: Cmd[0] }).toEqual({ User: '0:0', Entrypoint: [], first })
    expect(Cmd[Cmd.indexOf('--') + 1]).toBe(next)
    expect(Cmd.includes(String(usersOf(7, 'runc').porter))).toBe(runtime === 'runc')
  })

  test('says by which version of which policy it was made', () => {
    expect(containerOptions(spec, place).Labels).toMatchObject({ 'backlot.policy': 'standard/3' })
  })

  test('its home is the maker’s', () => {
    const { maker } = spec.users
    expect(host().Tmpfs['/home/maker'].split(',')).toEqual(expect.arrayContaining([`uid=${maker}`, `gid=${maker}`]))
  })

  test('sees two directories of the host and two files, its own, and writes to one (I16)', () => {
    expect(host().Mounts.map(({ Source, Target, ReadOnly }) => [Source, Target, ReadOnly ?? false])).toEqual([
      ['/state/sandboxes/x', '/run/backlot', true],
      ['/state/workspaces/x', '/workspace', false],
      ['/state/workspaces/x.users/passwd', '/etc/passwd', true],
      ['/state/workspaces/x.users/group', '/etc/group', true],
    ])
  })

  test.each([
    { workspaceExec: true, word: 'exec', memoryFiles: true },
    { workspaceExec: false, word: 'noexec', memoryFiles: false },
  ])('workspaceExec: $workspaceExec holds for every writable place', ({ workspaceExec, word, memoryFiles }) => {
    const { Tmpfs, SecurityOpt } = host({ workspaceExec })
    for (const options of Object.values(Tmpfs)) expect(options.split(',')).toContain(word)
    expect(SecurityOpt.join().includes('"memfd_create"')).toBe(memoryFiles)
  })

  test('never gives a tmpfs more than the memory that it counts against', () => {
    const { Tmpfs, ShmSize } = host({ memoryBytes: 128 * 2 ** 20 })
    const sizes = Object.values(Tmpfs).map((options) => Number(/size=(\d+)/.exec(options)?.[1]))
    expect([...sizes, ShmSize].reduce((sum, size) => sum + size, 0)).toBeLessThan(128 * 2 ** 20)
  })
})

test('the spec hash does not depend on the order of names', () => {
  expect(specHash({ ...spec, environment: { B: '2', A: '1' } })).toBe(specHash(spec))
  expect(specHash({ ...spec, environment: { A: '1', B: '3' } })).not.toBe(specHash(spec))
  expect(specHash({ ...spec, pids: 255 })).not.toBe(specHash(spec))
  expect(specHash({ ...spec, policy: { name: 'standard', version: 4 } })).not.toBe(specHash(spec))
  expect(specHash({ ...spec, unsafeUnlimited: true })).not.toBe(specHash(spec))
})

test('the label of an installation does not tell where it is', () => {
  expect(homeLabel('/home/alice/.backlot')).toMatch(/^[0-9a-f]{16}$/)
  expect(homeLabel('/home/alice/.backlot')).not.toBe(homeLabel('/home/bob/.backlot'))
})

describe('C23: a spec names an image of ours and nothing else', () => {
  test.each([
    { change: { image: 'evil/image' } },
    { change: { image: 'backlot/sandbox:latest' } },
    { change: { image: 'backlot/sandbox' } },
    { change: { image: 'backlot/sandbox:0123456789abcdef@sha256:00' } },
    { change: { image: 'registry.example.com/backlot/sandbox:0123456789abcdef' } },
    { change: { image: 'backlot/sandbox:0123456789ABCDEF' } },
    { change: { image: 'backlot/sandbox:0123456789abcdef\n' } },
    { change: { id: 'sb_../../../../etc' } },
    { change: { id: 'sb_aaaaaaaaaaaaaaaa/..' } },
    { change: { runtime: 'kata' } },
    { change: { privileged: true } },
    { change: { environment: { 'A=B': 'x' } } },
    { change: { environment: { lower: 'x' } } },
    { change: { memoryBytes: 2 ** 31 + 0.5 } },
    { change: { pids: -1 } },
  ])('$change is refused', ({ change }) => {
    expect(sandboxSpec.safeParse({ ...spec, ...change }).success).toBe(false)
  })

  test.each([{ change: {} }, { change: { runtime: 'runsc' } }, { change: { environment: {} } }])(
    '$change is accepted',
    ({ change }) => {
      expect(sandboxSpec.safeParse({ ...spec, ...change }).success).toBe(true)
    },
  )
})
