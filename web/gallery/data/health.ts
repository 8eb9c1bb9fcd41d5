import type { GatewayState } from '../../../api/contract/health.ts'
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
