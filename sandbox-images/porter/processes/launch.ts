import { spawnSync } from 'node:child_process'
import type { User } from './users.ts'

/**
 * Where programs may be executed from: the image's own folders, and the places that a person can write to. When the
 * policy forbids executing what was made here, those places are mounted `noexec`; the rule below does not undo that.
 */
const EXECUTABLE = ['/usr', '/opt', '/workspace', '/home/maker', '/tmp']

/** What is to run, and where → the argv that is really started. */
export type Launch = (argv: string[], cwd: string) => string[]

/** In another user's name and with none of the porter's rights; `[]` in front where there are no users (tests). */
export const become = ({ become: options }: User, more: string[] = []): string[] => [
  '/usr/bin/setpriv',
  ...options,
  ...more,
  '--',
]

/** Landlock's execute right for EXECUTABLE alone (setpriv of util-linux 2.41). */
const LANDLOCK = ['--landlock-access', 'fs:execute'].concat(
  EXECUTABLE.flatMap((path) => ['--landlock-rule', `path-beneath:execute:${path}`]),
)

/** gVisor and old kernels have no Landlock: there the image and `noexec` are what holds, and /health says so. */
export function landlockOptions(user: User): string[] {
  const [file = '', ...args] = become(user, LANDLOCK)
  return spawnSync(file, [...args, '/usr/bin/true'], { stdio: 'ignore' }).status === 0 ? LANDLOCK : []
}

/**
 * The folder is entered by the program's own user: the porter may not enter everything that the maker made. `descriptors`
 * are closed: those that node-pty leaves open across exec(2). Bash for them, because dash knows descriptors up to 9 only.
 */
export function createLaunch(prefix: string[], descriptors: () => number[]): Launch {
  return (argv, cwd) => {
    const open = descriptors()
    const shell = open.length > 0 ? ['/bin/bash', '--norc', '--noprofile'] : ['/bin/sh']
    const closed = open.map((fd) => ` ${fd}>&-`).join('')
    return [...prefix, ...shell, '-c', `${ENTER}; shift; exec "$@"${closed}`, 'sh', cwd, ...argv]
  }
}
const ENTER = 'cd -- "$1" 2>/dev/null || { echo "$1: not a folder that can be entered" >&2; exit 127; }'
