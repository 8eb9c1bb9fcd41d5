/** File systems in files: an ext4 image of a size, mounted through a loop device. Needs root; the doctor says so where that is missing. */
import { execFile } from 'node:child_process'
import { open, readdir, readFile, rename, rmdir, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ApiError } from '../errors.ts'

const run = promisify(execFile)
const toolTimeoutMs = 30_000
/** Never promised to a workspace: the platform's own database and log need room to say what happened. */
const floorBytes = 1_073_741_824

/** A crash before the rename leaves `.new`, which the next try overwrites; never half a file system. */
export async function makeImage(image: string, diskBytes: number): Promise<void> {
  const fresh = `${image}.new`
  const file = await open(fresh, 'w', 0o600)
  await file.truncate(diskBytes)
  await file.close()
  const extended = 'lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=1000:1000'
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

export async function unmount(directory: string): Promise<void> {
  if (!(await isMounted(directory))) return
  await run('umount', ['--lazy', directory], { timeout: toolTimeoutMs })
}

/** Throws `limit_reached` when the disk has no room for one more image of this size. */
export async function reserve(root: string, diskBytes: number): Promise<void> {
  const free = await freeBytes(root)
  if (free - diskBytes >= floorBytes) return
  const missing = Math.ceil((floorBytes + diskBytes - free) / 1_048_576)
  throw new ApiError(
    'limit_reached',
    `The host's disk has no room for another workspace: ${missing} MiB are missing. Remove prototypes or add disk.`,
  )
}

/** The images are sparse, so what they may still grow by counts as used: together they cannot fill the host's disk. */
export async function freeBytes(root: string): Promise<number> {
  const disk = await statfs(root)
  const images = (await readdir(root)).filter((name) => name.endsWith('.img'))
  const growth = await Promise.all(
    images.map(async (name) => {
      const file = await stat(join(root, name))
      return Math.max(0, file.size - file.blocks * 512)
    }),
  )
  return disk.bavail * disk.bsize - growth.reduce((sum, bytes) => sum + bytes, 0)
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
