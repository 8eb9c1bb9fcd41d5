/**
 * The seccomp profile of every sandbox, in Docker's format. What is not listed answers EPERM.
 *
 * Comparisons are of the whole 64-bit register, while the kernel reads `int` arguments from its low half. An allow-list of
 * equalities therefore refuses `AF_VSOCK | 1 << 32` with everything else unknown; a deny-list ("not equal") would let it
 * through. Only the native architecture is admitted, so the i386 `socketcall` and x32 numbers do not exist.
 */
import { absent, allowed, memoryFile } from './syscalls.ts'

const AF = { unix: 1, inet: 2, inet6: 10, netlink: 16 }
const SOCK = { stream: 1, dgram: 2, raw: 3, seqpacket: 5 }
const SOCK_NONBLOCK = 0x800
const SOCK_CLOEXEC = 0x80000
const IPPROTO = { any: 0, tcp: 6, udp: 17 }
const NETLINK_ROUTE = 0
const ENOSYS = 38
const MSG_OOB = 1

/**
 * Out-of-band data on unix sockets, which nobody here needs, has been a way into the kernel (CVE-2025-38236). `flags`: which
 * argument carries it; without sending there is nothing to receive.
 */
const senders = [
  { name: 'sendto', flags: 3 },
  { name: 'sendmsg', flags: 2 },
  { name: 'sendmmsg', flags: 3 },
]

/**
 * A file handed over a socket (SCM_RIGHTS) to somebody who does not want it is closed there, in the reader's own thread. With
 * SO_LINGER that close waits as long as the sandbox said: the gateway's one thread, and every sandbox with it.
 */
const SOL_SOCKET = 1
const SO_LINGER = 13

/** CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}. clone(2) reads only the low 32 bits; CLONE_NEWTIME is for clone3 and unshare. */
const newNamespaces = 0x7e020000

/** PER_LINUX, PER_LINUX32, each with and without UNAME26, and "only tell me" (personality(2)). */
const personalities = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff]

export const sockets: readonly { family: number; types: readonly number[]; protocols: readonly number[] }[] = [
  { family: AF.unix, types: [SOCK.stream, SOCK.dgram, SOCK.seqpacket], protocols: [0] },
  { family: AF.inet, types: [SOCK.stream], protocols: [IPPROTO.any, IPPROTO.tcp] },
  { family: AF.inet, types: [SOCK.dgram], protocols: [IPPROTO.any, IPPROTO.udp] },
  { family: AF.inet6, types: [SOCK.stream], protocols: [IPPROTO.any, IPPROTO.tcp] },
  { family: AF.inet6, types: [SOCK.dgram], protocols: [IPPROTO.any, IPPROTO.udp] },
  { family: AF.netlink, types: [SOCK.raw, SOCK.dgram], protocols: [NETLINK_ROUTE] },
]

type Comparison = 'SCMP_CMP_EQ' | 'SCMP_CMP_MASKED_EQ'
type Argument = { index: number; value: number; valueTwo: number; op: Comparison }
type Rule = { names: readonly string[]; action: string; args: readonly Argument[]; errnoRet?: number }

/** `memoryFiles: false` leaves out memfd_create, through which a program could run from no file at all. */
export function seccompProfile(options: { memoryFiles: boolean }) {
  const plain = Object.values(allowed).flat()
  const syscalls: Rule[] = [
    allow(options.memoryFiles ? [...plain, memoryFile] : plain),
    allow(['clone'], [{ index: 0, value: newNamespaces, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }]),
    ...personalities.map((persona) => allow(['personality'], [equals(0, persona)])),
    ...sockets.flatMap(({ family, types, protocols }) =>
      types.flatMap((type) => protocols.flatMap((protocol) => socketRules(family, type, protocol))),
    ),
    ...senders.map(({ name, flags }) =>
      allow([name], [{ index: flags, value: MSG_OOB, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }]),
    ),
    ...[...unlike(1, SOL_SOCKET), ...unlike(2, SO_LINGER)].map((difference) => allow(['setsockopt'], [difference])),
    { names: absent, action: 'SCMP_ACT_ERRNO', args: [], errnoRet: ENOSYS },
  ]
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    archMap: [
      { architecture: 'SCMP_ARCH_X86_64', subArchitectures: [] },
      { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: [] },
    ],
    syscalls,
  }
}

/** One rule for each spelling of the two flags that may be in the type, each an exact value. */
function socketRules(family: number, type: number, protocol: number): Rule[] {
  const spellings = [0, SOCK_NONBLOCK, SOCK_CLOEXEC, SOCK_NONBLOCK | SOCK_CLOEXEC].map((flags) => type | flags)
  const calls = family === AF.unix ? ['socket', 'socketpair'] : ['socket']
  return spellings.map((spelling) => allow(calls, [equals(0, family), equals(1, spelling), equals(2, protocol)]))
}

function allow(names: readonly string[], args: readonly Argument[] = []): Rule {
  return { names, action: 'SCMP_ACT_ALLOW', args }
}

function equals(index: number, value: number): Argument {
  return { index, value, valueTwo: 0, op: 'SCMP_CMP_EQ' }
}

/** One condition for each bit in which an `int` argument can differ: "not equal" that the high half of the register cannot fool. */
function unlike(index: number, value: number): Argument[] {
  return Array.from({ length: 32 }, (_, bit) => 2 ** bit).map((mask) => {
    const isSet = Math.floor(value / mask) % 2 === 1
    return { index, value: mask, valueTwo: isSet ? 0 : mask, op: 'SCMP_CMP_MASKED_EQ' }
  })
}
