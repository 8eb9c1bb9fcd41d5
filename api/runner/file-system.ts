/** File systems in files: an ext4 image of a size, mounted through a loop device. Needs root; the doctor says so where that is missing. */
import { execFile } from 'node:child_process'
import { open, readFile, rename, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const toolTimeoutMs = 30_000
/** Millions of small files. */
const takeOverTimeoutMs = 600_000
const freshOf = (image: string) => `${image}.new`

/**
 * The file of that size, sparse; it counts as promised from now on (room/measure.ts). A crash leaves it, and the next try
 * overwrites it.
 */
export async function allocate(image: string, diskBytes: number): Promise<void> {
  const file = await open(freshOf(image), 'w', 0o600)
  await file.truncate(diskBytes)
  await file.close()
}

/** Makes the file system in what was allocated. It gets its name when it is whole; never half a file system. */
export async function makeImage(image: string, owner: number): Promise<void> {
  const fresh = freshOf(image)
  const extended = `lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=${owner}:${owner}`
  await run('mkfs.ext4', ['-q', '-F', '-m', '0', '-E', extended, fresh], {
    timeout: toolTimeoutMs,
    env: { PATH: '/usr/sbin:/sbin:/usr/bin:/bin' },
  })
  await rename(fresh, image)
}

export async function mount(image: string, directory: string, exec: boolean): Promise<void> {
  if (await isMounted(directory)) return
  const options = ['loop', 'nosuid', 'nodev', 'noatime', exec ? 'exec' : 'noexec'].join(',')
  await run('mount', ['-t', 'ext4', '-o', options, image, directory], { timeout: toolTimeoutMs })
  // Only while it is empty: later it may be the sandbox's, of any size and depth.
  await rmdir(join(directory, 'lost+found')).catch(() => {})
}

/**
 * A file system that was made for another user, by an earlier version, becomes this one's. Links are changed themselves and
 * never followed, and other file systems are not entered: what is in there was written by a sandbox. To be called while
 * nothing runs in it. After a crash half-way it begins again, because the top folder is changed last.
 */
export async function giveTo(directory: string, owner: number): Promise<void> {
  const { uid } = await stat(directory)
  if (uid === owner) return
  const ids = `${owner}:${owner}`
  const below = ['-mindepth', '1', '-xdev', '-exec', 'chown', '--no-dereference', ids, '{}', '+']
  await run('find', ['-P', directory, ...below], { timeout: takeOverTimeoutMs })
  await run('chown', ['--no-dereference', ids, directory], { timeout: toolTimeoutMs })
}

export async function unmount(directory: string): Promise<void> {
  if (!(await isMounted(directory))) return
  await run('umount', ['--lazy', directory], { timeout: toolTimeoutMs })
}

async function isMounted(path: string): Promise<boolean> {
  const table = await readFile('/proc/self/mountinfo', 'utf8')
  // Field 5 is the mount point, with space, tab, newline and backslash as octal (proc(5)).
  const points = table.split('\n').map((line) => line.split(' ')[4] ?? '')
  return points.some((point) => point.replace(/\\([0-7]{3})/g, (_, code) => charOfOctal(code)) === path)
}

function charOfOctal(code: string): string {
  return String.fromCharCode(Number.parseInt(code, 8))
}
