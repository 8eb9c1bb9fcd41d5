import type { DiskReport, GatewayState } from '../../../api/contract/health.ts'
import type { DoctorReport } from '../../../api/contract/programs/runner.ts'
import { LONG } from './words.ts'

const check = (
  id: string,
  title: string,
  status: 'ok' | 'warning' | 'refused',
  detail: string,
  fix: string | null = null,
) => ({
  id,
  title,
  status,
  detail,
  fix,
})
const report = (checks: DoctorReport['checks']): DoctorReport => ({
  runtimes: ['runc'],
  unlimited: {},
  escapes: {},
  sizedWorkspace: true,
  checks,
})
const docker = check('docker', 'Docker', 'ok', 'Version 28.5.1')
const seccomp = check('seccomp', 'System calls', 'ok', 'The profile of Backlot is applied')

export const health = {
  fine: report([docker, seccomp]),
  weak: report([
    docker,
    check('gvisor', 'Runtimes', 'warning', 'runc alone: no second kernel', 'sudo apt-get install runsc'),
    check('cgroups', 'Limits', 'refused', 'Memory cannot be limited here', 'Start the machine with cgroup v2.'),
  ]),
  long: report([check('long', LONG, 'refused', LONG, `sudo ${'a-very-long-command --with=options '.repeat(12)}`)]),
}

const gateway = (instance: number, trouble: string | null, running: number, all: number): GatewayState => ({
  name: `gateway/${instance}`,
  trouble,
  running,
  all,
})

export const gateways = {
  fine: { items: [gateway(0, null, 3, 4), gateway(1, null, 3, 3)] },
  hung: {
    items: [
      gateway(0, null, 3, 4),
      gateway(1, 'It does not answer, and is started again by itself.', 1, 1),
      gateway(2, 'The audit log cannot be written: everything is denied.', 0, 0),
    ],
  },
}
const GIB = 2 ** 30
const room: DiskReport = {
  low: false,
  words: null,
  disks: [
    {
      holds: ['database', 'recordings', 'workspaces'],
      totalBytes: 252 * GIB,
      freeBytes: 64 * GIB,
      promisedBytes: Math.round(11.4 * GIB),
      reserveBytes: 10 * GIB,
    },
  ],
  takes: { database: Math.round(1.2 * GIB), recordings: Math.round(3.4 * GIB), workspaces: Math.round(6.1 * GIB) },
  databaseIsHere: true,
  recordings: { limitBytes: 63 * GIB, personLimitBytes: 5 * GIB, keptDays: 90 },
}
const [only] = room.disks

export const disk = {
  fine: room,
  low: {
    ...room,
    low: true,
    words:
      'The disk is nearly full: 14.0 GiB free, 11.4 GiB of it promised to workspaces, and 12.5 GiB must be left for stops, sign-in and the log. Delete prototypes, or ask your admin to add disk. Until then nothing new is started and nothing leaves a sandbox; what people do goes on.',
    disks: only ? [{ ...only, freeBytes: 14 * GIB }] : [],
  },
  outside: {
    ...room,
    disks: only ? [{ ...only, holds: ['recordings', 'workspaces'] }] : [],
    databaseIsHere: false,
  },
  unreadable: {
    ...room,
    low: true,
    words: 'The disk cannot be read, so it counts as full. Ask your admin to look at it.',
    disks: [],
    takes: { database: null, recordings: null, workspaces: null },
    recordings: { limitBytes: 0, personLimitBytes: 0, keptDays: 90 },
  },
} satisfies Record<string, DiskReport>
