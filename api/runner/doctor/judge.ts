/** `backlot doctor`'s judgement: facts of the host in, a report out. Pure, so that hosts which nobody has here are rows in a test. */
import { type DoctorReport, limit } from '../../contract/programs/runner.ts'
import type { EngineFacts } from '../docker.ts'

export type HostFacts = {
  engine: EngineFacts | null
  engineError: string | null
  /** Why a sized file system could not be made, mounted and removed; null when it could. */
  workspaceError: string | null
  freeBytes: number
  engineRootFreeBytes: number | null
  /** Where the engine keeps images and layers, next to the workspaces. */
  engineRoot: 'same-disk' | 'own-disk' | 'unseen'
  /** Security modules of the kernel; empty when securityfs is not mounted. */
  modules: readonly string[]
  inotifyInstances: number
}
type Check = DoctorReport['checks'][number]

const GIB = 1_073_741_824
const oldestEngine = [20, 10]

/** Container escapes, with the first release of each line that has the repair, and Debian's repaired packages of older lines. */
const runcFlaws = [
  { cve: 'CVE-2024-21626', repaired: [[1, 1, 12]], debian: ['1.1.5+ds1-1+deb12u1', '1.0.0~rc93+ds1-5+deb11u3'] },
  {
    cve: 'CVE-2025-31133, CVE-2025-52565 and CVE-2025-52881',
    repaired: [
      [1, 2, 8],
      [1, 3, 3],
      [1, 4, 0],
    ],
    debian: [],
  },
]

export function judge(host: HostFacts): DoctorReport {
  const { engine } = host
  const sizedWorkspace = host.workspaceError === null
  if (engine === null) {
    const detail = host.engineError ?? 'It does not answer.'
    const fix =
      'Install Docker Engine 20.10 or later and start it: apt-get install -y docker.io && service docker start'
    return {
      runtimes: [],
      unlimited: {},
      escapes: {},
      sizedWorkspace,
      checks: [refused('engine', 'Docker', detail, fix), workspace(host)],
    }
  }
  const gvisor = 'runsc' in engine.Runtimes
  return {
    runtimes: gvisor ? ['runc', 'runsc'] : ['runc'],
    unlimited: unlimited(engine),
    escapes: escapes(runc(engine)),
    sizedWorkspace,
    checks: [
      engineVersion(engine),
      runc(engine),
      gvisorRuntime(engine),
      seccomp(engine),
      limits(engine),
      workspace(host),
      room(host),
      landlock(host),
      inotify(host),
    ],
  }
}

function engineVersion({ ServerVersion }: EngineFacts): Check {
  const title = 'Docker'
  if (atLeast(numbers(ServerVersion), oldestEngine)) return ok('engine', title, `Version ${ServerVersion}.`)
  return refused('engine', title, `Version ${ServerVersion} is too old.`, 'Install Docker Engine 20.10 or later.')
}

function runc({ Components }: EngineFacts): Check {
  const component = Components.find(({ Name }) => Name === 'runc')
  if (component === undefined) return warning('runc', 'runc', 'Docker does not say which runc it uses.', null)
  const packaged = component.Details?.GitCommit ?? ''
  const open = runcFlaws.filter(({ repaired, debian }) => {
    const version = numbers(component.Version)
    const line = repaired.find(([major, minor]) => major === version[0] && minor === version[1])
    const newest = repaired.at(-1) ?? []
    if (debian.some((prefix) => packaged.startsWith(prefix))) return false
    return line === undefined ? !atLeast(version, newest) : !atLeast(version, line)
  })
  const name = packaged === '' ? component.Version : `${component.Version} (${packaged})`
  if (open.length === 0) return ok('runc', 'runc', `Version ${name}.`)
  const known = open.map(({ cve }) => cve).join('; ')
  const fix = 'Upgrade runc to 1.2.8, 1.3.3 or later, or to a package of your distribution that names these repairs.'
  return warning('runc', 'runc', `Version ${name} may have known container escapes: ${known}.`, fix)
}

/** Unknown counts as open: a policy that demands a repaired runtime wants to know. */
const escapes = ({ status, detail }: Check): DoctorReport['escapes'] =>
  status === 'ok' ? {} : { runc: `runc: ${detail}` }

function gvisorRuntime({ Runtimes }: EngineFacts): Check {
  const title = 'gVisor'
  const runsc = Runtimes.runsc
  if (runsc === undefined) {
    const fix = 'Install runsc (Debian: apt-get install -y runsc) and register it with Docker with --host-uds=all.'
    return refused(
      'gvisor',
      title,
      'runsc is not registered with Docker: policies with `runtime: runsc` are refused.',
      fix,
    )
  }
  const given = runsc.runtimeArgs ?? []
  if (!given.includes('--host-uds=all') && !given.includes('--host-uds=open')) {
    const fix = 'Add --host-uds=all to the runtimeArgs of runsc in /etc/docker/daemon.json.'
    return warning('gvisor', title, 'runsc is registered without --host-uds: sandboxes would be cut off.', fix)
  }
  if (ignoresGroups(given)) {
    const detail =
      'Available, with --ignore-cgroups: memory, cpus and pids do not hold under it, so a policy with `runtime: runsc` is refused unless it says `unsafeUnlimited: true`.'
    const fix = 'Register runsc without --ignore-cgroups where it can set up control groups.'
    return warning('gvisor', title, detail, fix)
  }
  return ok(
    'gvisor',
    title,
    'Available. Its own kernel stands between; it has no Landlock and applies no system call filter of ours.',
  )
}

/** Flags of Go: one dash or two, the last one holds, and only these words mean no. */
function ignoresGroups(given: readonly string[]): boolean {
  const last = given.findLast((argument) => /^--?ignore-cgroups(=|$)/.test(argument))
  return last !== undefined && !/=(0|f|false)$/i.test(last)
}

/** Docker drops these limits with a warning that nobody reads, and runsc does not ask for them. */
function unlimited(engine: EngineFacts): DoctorReport['unlimited'] {
  const missing = limit.options.filter((name) => !heldByEngine(engine)[name])
  const { runsc } = engine.Runtimes
  const underRunsc = ignoresGroups(runsc?.runtimeArgs ?? []) ? limit.options : missing
  return {
    ...(missing.length > 0 ? { runc: missing } : {}),
    ...(runsc !== undefined && underRunsc.length > 0 ? { runsc: [...underRunsc] } : {}),
  }
}

const heldByEngine = ({ MemoryLimit, CpuCfsQuota, PidsLimit }: EngineFacts) => ({
  memory: MemoryLimit,
  cpus: CpuCfsQuota,
  pids: PidsLimit,
})

function seccomp({ SecurityOptions }: EngineFacts): Check {
  const on = (SecurityOptions ?? []).some((option) => option.includes('name=seccomp'))
  if (on) return ok('seccomp', 'System call filter', 'Docker applies seccomp profiles.')
  return refused(
    'seccomp',
    'System call filter',
    'Docker was built or started without seccomp.',
    'Use a kernel and a Docker with seccomp.',
  )
}

function limits(engine: EngineFacts): Check {
  const title = 'Limits'
  const missing = [
    engine.MemoryLimit ? '' : 'memory',
    engine.SwapLimit ? '' : 'swap',
    engine.PidsLimit ? '' : 'processes',
    engine.CpuCfsQuota ? '' : 'CPU',
  ].filter((name) => name !== '')
  if (missing.length === 0)
    return ok('limits', title, `Memory, swap, CPU and processes (cgroup v${engine.CgroupVersion}).`)
  const fix = 'Boot the kernel with cgroup_enable=memory swapaccount=1, or use cgroup v2.'
  if (missing.join() === 'swap')
    return warning('limits', title, 'Swap is not limited: a sandbox can use more of it than its memory.', fix)
  return refused('limits', title, `Docker cannot limit ${missing.join(', ')} here.`, fix)
}

function workspace({ workspaceError }: HostFacts): Check {
  const title = 'Sized workspaces'
  if (workspaceError === null) return ok('workspace', title, 'Loop-mounted ext4, each with its own size.')
  const fix = 'Run Backlot as root on a machine with loop devices (modprobe loop) and e2fsprogs.'
  return refused('workspace', title, workspaceError, fix)
}

function room({ freeBytes, engineRootFreeBytes, engineRoot }: HostFacts): Check {
  const least = Math.min(freeBytes, engineRootFreeBytes ?? freeBytes)
  const detail = `${(least / GIB).toFixed(1)} GiB free, after what workspaces may still grow by. ${imagesAre(engineRoot)}`
  if (least >= 10 * GIB) return ok('room', 'Disk', detail)
  return warning('room', 'Disk', detail, 'Keep 10 GiB free: an image takes about one, and each workspace its size.')
}

const imagesAre = (engineRoot: HostFacts['engineRoot']) =>
  ({
    'same-disk': 'Docker keeps its images on the same disk.',
    'own-disk': 'Docker keeps its images on another disk.',
    unseen: 'Where Docker keeps its images cannot be seen from here.',
  })[engineRoot]

function landlock({ modules }: HostFacts): Check {
  if (modules.includes('landlock'))
    return ok('landlock', 'Landlock', 'The kernel executes only from the allowed paths (runc).')
  if (modules.length === 0) {
    const fix = 'mount -t securityfs securityfs /sys/kernel/security'
    return warning('landlock', 'Landlock', 'Whether this kernel has it cannot be seen: securityfs is not mounted.', fix)
  }
  const fix = 'Boot a kernel with CONFIG_SECURITY_LANDLOCK and `landlock` in its lsm= list.'
  return warning('landlock', 'Landlock', 'This kernel has none: the tool list holds by image and noexec only.', fix)
}

/** Counted per uid of the host, and every sandbox is uid 1000: one could use up the watches of all. */
function inotify({ inotifyInstances }: HostFacts): Check {
  if (inotifyInstances >= 1024) return ok('inotify', 'File watches', `${inotifyInstances} watchers.`)
  const detail = `All sandboxes together have ${inotifyInstances} file watchers, which development servers use up.`
  return warning('inotify', 'File watches', detail, 'sysctl -w fs.inotify.max_user_instances=8192')
}

function numbers(version: string): number[] {
  return (/^v?(\d+(?:\.\d+)*)/.exec(version)?.[1] ?? '0').split('.').map(Number)
}

function atLeast(version: readonly number[], least: readonly number[]): boolean {
  const differs = least.findIndex((part, index) => (version[index] ?? 0) !== part)
  return differs === -1 || (version[differs] ?? 0) > (least[differs] ?? 0)
}

function ok(id: string, title: string, detail: string): Check {
  return { id, title, status: 'ok', detail, fix: null }
}
function warning(id: string, title: string, detail: string, fix: string | null): Check {
  return { id, title, status: 'warning', detail, fix }
}
function refused(id: string, title: string, detail: string, fix: string): Check {
  return { id, title, status: 'refused', detail, fix }
}
