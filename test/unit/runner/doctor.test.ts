import { describe, expect, test } from 'vitest'
import type { EngineFacts } from '../../../api/runner/docker.ts'
import { type HostFacts, judge } from '../../../api/runner/doctor/judge.ts'

const engine: EngineFacts = {
  ServerVersion: '27.3.1',
  Runtimes: { runc: {}, runsc: { runtimeArgs: ['--host-uds=all'] } },
  SecurityOptions: ['name=seccomp,profile=default'],
  CgroupVersion: '2',
  MemoryLimit: true,
  SwapLimit: true,
  PidsLimit: true,
  CpuCfsQuota: true,
  DockerRootDir: '/var/lib/docker',
  KernelVersion: '6.12',
  Components: [{ Name: 'runc', Version: '1.3.3' }],
}
const host: HostFacts = {
  engine,
  engineError: null,
  workspaceError: null,
  freeBytes: 2 ** 40,
  engineRootFreeBytes: 2 ** 40,
  engineRoot: 'same-disk',
  modules: ['lockdown', 'landlock'],
  inotifyInstances: 8192,
}
const withEngine = (change: Partial<EngineFacts>): HostFacts => ({ ...host, engine: { ...engine, ...change } })
const runc = (Version: string, GitCommit = '') =>
  withEngine({ Components: [{ Name: 'runc', Version, Details: { GitCommit } }] })
const runsc = (...runtimeArgs: string[]) => withEngine({ Runtimes: { runc: {}, runsc: { runtimeArgs } } })

test('a host without a fault gets no warning', () => {
  const report = judge(host)
  expect(report.checks.filter(({ status }) => status !== 'ok')).toEqual([])
  expect(report).toMatchObject({ runtimes: ['runc', 'runsc'], sizedWorkspace: true })
})

describe('judges', () => {
  test.each([
    {
      what: 'no engine',
      facts: { ...host, engine: null, engineError: 'connect ENOENT' },
      id: 'engine',
      status: 'refused',
    },
    { what: 'Docker 19.03', facts: withEngine({ ServerVersion: '19.03.15' }), id: 'engine', status: 'refused' },
    { what: 'Docker 20.10', facts: withEngine({ ServerVersion: '20.10.24+dfsg1' }), id: 'engine', status: 'ok' },
    { what: 'runc 1.1.11', facts: runc('1.1.11'), id: 'runc', status: 'warning' },
    { what: 'runc 1.2.7', facts: runc('1.2.7'), id: 'runc', status: 'warning' },
    { what: 'runc 1.2.8', facts: runc('1.2.8'), id: 'runc', status: 'ok' },
    { what: 'runc 1.3.2', facts: runc('1.3.2'), id: 'runc', status: 'warning' },
    { what: 'runc 1.4.0', facts: runc('1.4.0'), id: 'runc', status: 'ok' },
    { what: 'runc 1.10.0', facts: runc('1.10.0'), id: 'runc', status: 'ok' },
    { what: 'runc of Debian 12', facts: runc('1.1.5+ds1', '1.1.5+ds1-1+deb12u1'), id: 'runc', status: 'warning' },
    { what: 'no word about runc', facts: withEngine({ Components: [] }), id: 'runc', status: 'warning' },
    { what: 'no gVisor', facts: withEngine({ Runtimes: { runc: {} } }), id: 'gvisor', status: 'refused' },
    { what: 'gVisor without host sockets', facts: runsc(), id: 'gvisor', status: 'warning' },
    {
      what: 'gVisor without limits',
      facts: runsc('--host-uds=all', '--ignore-cgroups'),
      id: 'gvisor',
      status: 'warning',
    },
    { what: 'no seccomp', facts: withEngine({ SecurityOptions: ['name=apparmor'] }), id: 'seccomp', status: 'refused' },
    { what: 'no process limit', facts: withEngine({ PidsLimit: false }), id: 'limits', status: 'refused' },
    { what: 'no swap limit', facts: withEngine({ SwapLimit: false }), id: 'limits', status: 'warning' },
    { what: 'no loop device', facts: { ...host, workspaceError: 'no loop' }, id: 'workspace', status: 'refused' },
    { what: 'a full disk', facts: { ...host, freeBytes: 2 ** 30 }, id: 'room', status: 'warning' },
    { what: 'a full engine disk', facts: { ...host, engineRootFreeBytes: 2 ** 30 }, id: 'room', status: 'warning' },
    { what: 'no Landlock', facts: { ...host, modules: ['lockdown'] }, id: 'landlock', status: 'warning' },
    { what: 'unknown modules', facts: { ...host, modules: [] }, id: 'landlock', status: 'warning' },
    { what: 'few file watchers', facts: { ...host, inotifyInstances: 128 }, id: 'inotify', status: 'warning' },
  ])('$what: $id is $status', ({ facts, id, status }) => {
    const check = judge(facts).checks.find((one) => one.id === id)
    expect(check?.status).toBe(status)
    if (status === 'refused') expect(check?.fix).toEqual(expect.any(String))
  })

  test('Debian 12 has repaired CVE-2024-21626 in its older runc, and not the later ones', () => {
    const detail = judge(runc('1.1.5+ds1', '1.1.5+ds1-1+deb12u1')).checks.find(({ id }) => id === 'runc')?.detail
    expect(detail).not.toContain('CVE-2024-21626')
    expect(detail).toContain('CVE-2025-31133')
  })
})

test.each([
  { what: 'a repaired runc', facts: runc('1.3.3', ''), escapes: {} },
  { what: 'an old runc', facts: runc('1.1.5', ''), escapes: { runc: expect.stringContaining('CVE-2025-31133') } },
  {
    what: 'no word about runc',
    facts: withEngine({ Components: [] }),
    escapes: { runc: expect.stringContaining('does not say') },
  },
  { what: 'no engine', facts: { ...host, engine: null }, escapes: {} },
])('$what: known escapes', ({ facts, escapes }) => {
  expect(judge(facts).escapes).toEqual(escapes)
})

test('without gVisor its policies are refused; without loop devices, sizes are', () => {
  expect(judge(withEngine({ Runtimes: { runc: {} } })).runtimes).toEqual(['runc'])
  expect(judge({ ...host, workspaceError: 'no loop' }).sizedWorkspace).toBe(false)
  expect(judge({ ...host, engine: null }).runtimes).toEqual([])
})

describe('names the limits that do not hold', () => {
  const all = ['memory', 'cpus', 'pids']
  test.each([
    { what: 'a host without a fault', facts: host, unlimited: {} },
    {
      what: 'gVisor outside control groups',
      facts: runsc('--host-uds=all', '--ignore-cgroups'),
      unlimited: { runsc: all },
    },
    { what: 'the same, spelled out', facts: runsc('-ignore-cgroups=true'), unlimited: { runsc: all } },
    { what: 'said and taken back', facts: runsc('--ignore-cgroups=false'), unlimited: {} },
    {
      what: 'no process limit',
      facts: withEngine({ PidsLimit: false }),
      unlimited: { runc: ['pids'], runsc: ['pids'] },
    },
    {
      what: 'no memory and no CPU limit, and no gVisor',
      facts: withEngine({ MemoryLimit: false, CpuCfsQuota: false, Runtimes: { runc: {} } }),
      unlimited: { runc: ['memory', 'cpus'] },
    },
    { what: 'no swap limit, which is a warning', facts: withEngine({ SwapLimit: false }), unlimited: {} },
    { what: 'no engine', facts: { ...host, engine: null }, unlimited: {} },
  ])('$what', ({ facts, unlimited }) => {
    expect(judge(facts).unlimited).toEqual(unlimited)
  })
})
