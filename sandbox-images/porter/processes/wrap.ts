import { spawnSync } from 'node:child_process'

/**
 * Where programs may be executed from: the image's own folders, and the places that a person can write to. When the
 * policy forbids executing what was made here, those places are mounted `noexec`; the rule below does not undo that.
 */
const EXECUTABLE = ['/usr', '/opt', '/workspace', '/home/maker', '/tmp']

/**
 * Everything that the porter starts gets Landlock's execute right for EXECUTABLE alone (setpriv of util-linux 2.41).
 * gVisor and old kernels have no Landlock: there the image and `noexec` are what holds, and /health says so.
 */
export function createWrap(paths = EXECUTABLE): { landlock: boolean; wrap: (argv: string[]) => string[] } {
  const prefix = [
    '/usr/bin/setpriv',
    '--landlock-access',
    'fs:execute',
    ...paths.flatMap((path) => ['--landlock-rule', `path-beneath:execute:${path}`]),
    '--',
  ]
  const [file = '', ...args] = prefix
  const landlock = spawnSync(file, [...args, '/usr/bin/true'], { stdio: 'ignore' }).status === 0
  return { landlock, wrap: (argv) => (landlock ? [...prefix, ...argv] : argv) }
}

/** argv, started with these descriptors closed. Bash, because dash knows descriptors up to 9 only. */
export function closing(descriptors: number[], argv: string[]): string[] {
  if (descriptors.length === 0) return argv
  const closed = descriptors.map((fd) => `${fd}>&-`).join(' ')
  return ['/bin/bash', '--norc', '--noprofile', '-c', `exec "$@" ${closed}`, 'bash', ...argv]
}
