import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
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
export async function landlockOptions(user: User): Promise<string[]> {
  const [file = '', ...args] = become(user, LANDLOCK)
  const trial = spawn(file, [...args, '/usr/bin/true'], { stdio: 'ignore' })
  const [code] = await once(trial, 'exit').catch(() => [null])
  return code === 0 ? LANDLOCK : []
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

/** Why no program can be started in this folder, or null. To be asked as the user who is to enter it. */
export function whyNotEnterable(folder: string): string | null {
  try {
    statSync(`${folder}/.`)
    return null
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    return WHY_NOT[code]?.(folder) ?? `the folder ${folder} cannot be entered (${code})`
  }
}
const WHY_NOT: Record<string, (folder: string) => string> = {
  ENOENT: (folder) => `there is no folder ${folder}`,
  ENOTDIR: (folder) => `${folder} is a file, not a folder`,
  EACCES: (folder) => `the folder ${folder} may not be entered`,
}
