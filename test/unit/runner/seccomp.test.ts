import { describe, expect, test } from 'vitest'
import { seccompProfile } from '../../../api/runner/seccomp/profile.ts'

const profile = seccompProfile({ memoryFiles: true })
const rulesFor = (name: string) => profile.syscalls.filter(({ names }) => names.includes(name))

test('what is not listed is refused', () => {
  expect(profile.defaultAction).toBe('SCMP_ACT_ERRNO')
})

test('no call is both allowed as such and allowed for some arguments: the first would win', () => {
  const whole = profile.syscalls.filter(({ action, args }) => action === 'SCMP_ACT_ALLOW' && args.length === 0)
  const names = new Set(whole.flatMap((rule) => rule.names))
  const conditional = profile.syscalls.filter(({ args }) => args.length > 0).flatMap((rule) => rule.names)
  expect(conditional.filter((name) => names.has(name))).toEqual([])
})

test('every condition on a socket is an equality of family, type and protocol', () => {
  for (const { args } of [...rulesFor('socket'), ...rulesFor('socketpair')]) {
    expect(args.map(({ index, op }) => `${index} ${op}`)).toEqual(['0 SCMP_CMP_EQ', '1 SCMP_CMP_EQ', '2 SCMP_CMP_EQ'])
  }
})

test.each([
  ['sendto', 3],
  ['sendmsg', 2],
  ['sendmmsg', 3],
])('%s is allowed without MSG_OOB alone (CVE-2025-38236)', (name, index) => {
  expect(rulesFor(name).map(({ args }) => args)).toEqual([[{ index, value: 1, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }]])
})

describe('SO_LINGER, with which closing a file that was handed over would stop who received it', () => {
  const [SOL_SOCKET, IPPROTO_TCP, SO_REUSEADDR, SO_LINGER, SO_RCVTIMEO, HIGH] = [1, 6, 2, 13, 20, 2n ** 32n]
  test.each([
    ['is refused', SOL_SOCKET, SO_LINGER, HIGH * 0n, false],
    ['is refused with high bits set, which the kernel does not read', SOL_SOCKET, SO_LINGER, HIGH, false],
    ['leaves other options', SOL_SOCKET, SO_REUSEADDR, HIGH * 0n, true],
    ['leaves options that share bits with it', SOL_SOCKET, SO_RCVTIMEO, HIGH * 0n, true],
    ['leaves the same number of other levels (TCP_CONGESTION)', IPPROTO_TCP, SO_LINGER, HIGH * 0n, true],
    ['leaves level 0', 0, SO_LINGER, HIGH * 0n, true],
  ])('%s', (_what, level, option, high, allowed) => {
    const given = [0n, BigInt(level) | high, BigInt(option) | high]
    const matches = rulesFor('setsockopt').some(({ args }) =>
      args.every(({ index, value, valueTwo }) => ((given[index] ?? 0n) & BigInt(value)) === BigInt(valueTwo)),
    )
    expect(matches).toBe(allowed)
  })
})

test('numbers are exact in JSON', () => {
  for (const { args } of profile.syscalls) for (const { value } of args) expect(Number.isSafeInteger(value)).toBe(true)
})

describe('never allowed', () => {
  test.each([
    ...[
      'mount',
      'umount2',
      'pivot_root',
      'chroot',
      'setns',
      'unshare',
      'ptrace',
      'process_vm_readv',
      'process_vm_writev',
    ],
    ...['keyctl', 'add_key', 'request_key', 'bpf', 'userfaultfd', 'perf_event_open', 'kexec_load', 'kexec_file_load'],
    ...['open_by_handle_at', 'name_to_handle_at', 'init_module', 'finit_module', 'delete_module', 'swapon', 'reboot'],
    ...['pidfd_getfd', 'fsopen', 'fsmount', 'open_tree', 'move_mount', 'mount_setattr', 'fanotify_init', 'syslog'],
    ...['iopl', 'ioperm', 'modify_ldt', 'settimeofday', 'clock_settime', 'acct', 'quotactl', 'socketcall'],
  ])('%s', (name) => {
    expect(rulesFor(name)).toEqual([])
  })

  test.each(['clone3', 'io_uring_setup', 'io_uring_enter', 'io_setup'])(
    '%s, which says that it does not exist',
    (name) => {
      expect(rulesFor(name)).toMatchObject([{ action: 'SCMP_ACT_ERRNO', errnoRet: 38 }])
    },
  )
})
