/**
 * What a sandbox's container is, as one plain value for the engine's `POST /containers/create` (Docker API 1.41).
 * Every flag is here and nowhere else; test/e2e/sandbox asserts each against what the engine reports.
 */
import { createHash } from 'node:crypto'

import { join } from 'node:path'
import type { SandboxSpec } from '../contract/programs/runner.ts'

import { seccompProfile } from './seccomp/profile.ts'

const MIB = 1_048_576

export const labels = {
  /** Which Backlot installation the container belongs to: several may share one engine. */
  home: 'backlot.home',
  sandbox: 'backlot.sandbox',
  image: 'backlot.image',
  /** `<name>/<version>` of the policy that it was made by; a later version that says the same of containers leaves it. */
  policy: 'backlot.policy',
  /** Hash of the spec: a second create with the same id must want the same thing. */
  spec: 'backlot.spec',
} as const

/** Where things are on the engine's machine. */
export type Place = { home: string; socketsDirectory: string; workspaceDirectory: string; usersDirectory: string }

/** 1 MiB of young generation and a small heap: the porter holds buffers, not objects. */
const PORTER = [
  '/usr/local/bin/node',
  '--max-semi-space-size=1',
  '--max-old-space-size=64',
  '/opt/backlot/porter/main.js',
]

/**
 * The first program is user 0 with two capabilities, and does one thing: it becomes the porter, which keeps both as ambient
 * capabilities (capabilities(7)), so that no process of user 0 is left. Under gVisor it stays user 0 of the sandbox's own kernel.
 */
function boot({ runtime, users }: SandboxSpec): string[] {
  const reaper = ['/usr/bin/tini', '--', ...PORTER]
  if (runtime === 'runsc') return reaper
  const who = ['--reuid', String(users.porter), '--regid', String(users.porter), '--clear-groups']
  const keeps = ['--inh-caps', '-all,+setuid,+setgid', '--ambient-caps', '-all,+setuid,+setgid']
  return ['/usr/bin/setpriv', ...who, ...keeps, '--', ...reaper]
}

/** Docker's own defaults (moby oci/defaults.go), and what else names the host's hardware, kernel or disks. */
const masked = [
  ...['acpi', 'asound', 'interrupts', 'kcore', 'keys', 'latency_stats', 'sched_debug', 'scsi', 'timer_list'],
  ...['timer_stats', 'cmdline', 'config.gz', 'diskstats', 'kallsyms', 'kpagecgroup', 'kpagecount', 'kpageflags'],
  ...['modules', 'partitions', 'slabinfo', 'vmallocinfo'],
].map((name) => `/proc/${name}`)
/** The last lines: each other sandbox's workspace is a loop device, with its path, its size and how busy it is. */
const maskedSystem = [
  ...['/sys/devices/virtual/dmi', '/sys/devices/virtual/powercap', '/sys/firmware', '/sys/kernel/debug'],
  ...['/sys/devices/virtual/block', '/sys/block', '/sys/class/block', '/sys/dev/block'],
  ...['/sys/fs/ext4', '/sys/fs/xfs', '/sys/fs/btrfs'],
]
const readOnly = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

export function containerName(id: string): string {
  return `backlot-${id}`
}

/** Order of keys does not matter to it. */
export function specHash(spec: SandboxSpec): string {
  const environment = Object.entries(spec.environment).sort(([a], [b]) => (a < b ? -1 : 1))
  const fields = Object.entries({ ...spec, environment }).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex').slice(0, 32)
}

/** Longer than a screen on purpose: one plain value, each flag of which can be read beside the others. */
export function containerOptions(spec: SandboxSpec, place: Place) {
  const { users } = spec
  const owner = [`uid=${users.maker}`, `gid=${users.maker}`]
  const tmpfs = ['rw', 'nosuid', 'nodev', spec.workspaceExec ? 'exec' : 'noexec']
  const profile = seccompProfile({ memoryFiles: spec.workspaceExec })
  return {
    name: containerName(spec.id),
    Image: spec.image,
    /** The host's own name must not be seen; `_` is not a letter of host names (RFC 952). */
    Hostname: spec.id.replace('_', '-'),
    User: '0:0',
    Entrypoint: [],
    Cmd: boot(spec),
    // Whoever starts it may not enter what the maker closed.
    WorkingDir: '/',
    Env: [
      ...Object.entries(spec.environment).map(([name, value]) => `${name}=${value}`),
      `BACKLOT_SANDBOX=${spec.id}`,
      `BACKLOT_MAKER=${users.maker}`,
      `BACKLOT_WITNESS=${users.witness}`,
    ],
    Labels: {
      [labels.home]: place.home,
      [labels.sandbox]: spec.id,
      [labels.image]: spec.image,
      [labels.policy]: `${spec.policy.name}/${spec.policy.version}`,
      [labels.spec]: specHash(spec),
    },
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    OpenStdin: false,
    Tty: false,
    StopTimeout: 2,
    HostConfig: {
      Runtime: spec.runtime,
      /** tini of the image reaps: the engine's own would stay user 0. */
      Init: false,
      Privileged: false,
      ReadonlyRootfs: true,
      /** To start programs as the maker, and to signal them; nothing else has them (sandbox-images/porter/processes/users.ts). */
      CapAdd: ['SETUID', 'SETGID'],
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges', `seccomp=${JSON.stringify(profile)}`],
      MaskedPaths: [...masked, ...maskedSystem],
      ReadonlyPaths: readOnly,
      UsernsMode: '',
      PidMode: '',
      UTSMode: '',
      IpcMode: 'private',
      CgroupnsMode: 'private',
      NetworkMode: 'none',
      /** Without these two the host's resolver and search domain are copied into /etc/resolv.conf. */
      Dns: ['127.0.0.1'],
      DnsSearch: ['.'],
      DnsOptions: [],
      ExtraHosts: [],
      /** The porter answers DNS on port 53 without privilege. */
      Sysctls: { 'net.ipv4.ip_unprivileged_port_start': '0' },
      Mounts: [
        {
          Type: 'bind' as const,
          Source: place.socketsDirectory,
          Target: '/run/backlot',
          ReadOnly: true,
          BindOptions: { Propagation: 'rprivate' as const, NonRecursive: true },
        },
        {
          Type: 'bind' as const,
          Source: place.workspaceDirectory,
          Target: '/workspace',
          BindOptions: { Propagation: 'rprivate' as const, NonRecursive: true },
        },
        ...['passwd', 'group'].map((name) => ({
          Type: 'bind' as const,
          Source: join(place.usersDirectory, name),
          Target: `/etc/${name}`,
          ReadOnly: true,
          BindOptions: { Propagation: 'rprivate' as const, NonRecursive: true },
        })),
      ],
      Tmpfs: {
        '/tmp': [...tmpfs, 'mode=1777', `size=${partOf(spec.memoryBytes, 4, 512)}`].join(','),
        '/home/maker': [...tmpfs, 'mode=0755', ...owner, `size=${partOf(spec.memoryBytes, 2, 1024)}`].join(','),
      },
      ShmSize: partOf(spec.memoryBytes, 8, 64),
      Devices: [],
      DeviceCgroupRules: [],
      Memory: spec.memoryBytes,
      /** Equal to Memory: no swap. */
      MemorySwap: spec.memoryBytes,
      NanoCpus: Math.round(spec.cpus * 1e9),
      PidsLimit: spec.pids,
      OomKillDisable: false,
      /** The kernel ends a sandbox before it ends the platform. */
      OomScoreAdj: 500,
      Ulimits: [
        { Name: 'nofile', Soft: 16_384, Hard: 16_384 },
        { Name: 'core', Soft: 0, Hard: 0 },
        { Name: 'memlock', Soft: 8 * MIB, Hard: 8 * MIB },
        { Name: 'msgqueue', Soft: 0, Hard: 0 },
      ],
      /** What the porter prints, bounded: a sandbox can write to its /proc/1/fd/1. */
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '1' } },
      /** Whether it comes back is for the server to decide. */
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
      AutoRemove: false,
      PublishAllPorts: false,
    },
  }
}

/** A part of the memory limit, which tmpfs pages count against, and at most so many MiB. */
function partOf(memoryBytes: number, part: number, mostMib: number): number {
  return Math.min(Math.floor(memoryBytes / part), mostMib * MIB)
}

/** Names an installation by its state folder, without telling where that is. */
export function homeLabel(stateRoot: string): string {
  return createHash('sha256').update(stateRoot).digest('hex').slice(0, 16)
}
