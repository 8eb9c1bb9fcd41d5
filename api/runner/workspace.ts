/**
 * The sized workspace of a sandbox: an ext4 file system in a sparse file `<id>.img`, mounted at `<id>/` beside it.
 * A mount is what makes the size a limit and what carries nosuid, nodev and noexec into the container.
 * Needs root and loop devices; the doctor says so where they are missing.
 */
import { execFile } from 'node:child_process'
import { mkdir, open, readdir, readFile, rename, rm, rmdir, stat, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { ApiError } from '../errors.ts'

const run = promisify(execFile)
const toolTimeoutMs = 30_000
/** Millions of small files. */
const takeOverTimeoutMs = 600_000
/** Never promised to a workspace: the platform's own database and log need room to say what happened. */
const floorBytes = 1_073_741_824

/** Whose the doctor's trial is; anybody but the owner of real ones. */
const TRIAL_OWNER = 65_534

const remembered = z.object({ exec: z.boolean() })

export type Workspaces = ReturnType<typeof createWorkspaces>

export function createWorkspaces(root: string) {
  const image = (id: string) => join(root, `${id}.img`)
  const directory = (id: string) => join(root, id)
  /** What a remount needs to know, beside the image. */
  const mode = (id: string) => join(root, `${id}.json`)

  /** The empty mount point: root's and not writable, so that without its mount a sandbox cannot fill the host's disk through it. */
  async function place(id: string): Promise<string> {
    await mkdir(root, { recursive: true, mode: 0o700 })
    await mkdir(directory(id), { recursive: true, mode: 0o500 })
    return directory(id)
  }

  /** Makes the file system when it is not there, and mounts it. Idempotent. */
  async function ensure(id: string, size: { diskBytes: number; exec: boolean; owner: number }): Promise<void> {
    await place(id)
    if (!(await isThere(image(id)))) {
      await writeFile(mode(id), JSON.stringify({ exec: size.exec }), { mode: 0o600 })
      await make(id, size.diskBytes, size.owner)
    }
    await mount(id, size.exec)
    await giveTo(id, size.owner)
  }

  /** Mounts again what a reboot unmounted. */
  async function remount(id: string): Promise<void> {
    await mount(id, remembered.parse(JSON.parse(await readFile(mode(id), 'utf8'))).exec)
  }

  async function mount(id: string, exec: boolean): Promise<void> {
    await place(id)
    if (await isMounted(directory(id))) return
    const options = ['loop', 'nosuid', 'nodev', 'noatime', exec ? 'exec' : 'noexec'].join(',')
    await run('mount', ['-t', 'ext4', '-o', options, image(id), directory(id)], { timeout: toolTimeoutMs })
    // Only while it is empty: later it may be the sandbox's, of any size and depth.
    await rmdir(join(directory(id), 'lost+found')).catch(() => {})
  }

  /**
   * A workspace that was made for another user, by an earlier version, becomes this one's. Links are changed themselves and
   * never followed, and other file systems are not entered: what is in there was written by a sandbox. Called while nothing
   * runs in it. A crash half-way: the top folder is changed last, so that it begins again.
   */
  async function giveTo(id: string, owner: number): Promise<void> {
    const top = directory(id)
    const { uid } = await stat(top)
    if (uid === owner) return
    const ids = `${owner}:${owner}`
    const below = ['-mindepth', '1', '-xdev', '-exec', 'chown', '--no-dereference', ids, '{}', '+']
    await run('find', ['-P', top, ...below], { timeout: takeOverTimeoutMs })
    await run('chown', ['--no-dereference', ids, top], { timeout: toolTimeoutMs })
  }

  /** A crash before the rename leaves `.new`, which the next try overwrites; never half a file system. */
  async function make(id: string, diskBytes: number, owner: number): Promise<void> {
    await promise(diskBytes)
    const fresh = `${image(id)}.new`
    const file = await open(fresh, 'w', 0o600)
    await file.truncate(diskBytes)
    await file.close()
    const extended = `lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=${owner}:${owner}`
    await run('mkfs.ext4', ['-q', '-F', '-m', '0', '-E', extended, fresh], {
      timeout: toolTimeoutMs,
      env: { PATH: '/usr/sbin:/sbin:/usr/bin:/bin' },
    })
    await rename(fresh, image(id))
  }

  /** The files are sparse, so what they may still grow by counts as used: together they cannot fill the host's disk. */
  async function promise(diskBytes: number): Promise<void> {
    const free = await freeBytes()
    if (free - diskBytes >= floorBytes) return
    const missing = Math.ceil((floorBytes + diskBytes - free) / 1_048_576)
    throw new ApiError(
      'limit_reached',
      `The host's disk has no room for another workspace: ${missing} MiB are missing. Remove prototypes or add disk.`,
    )
  }

  async function freeBytes(): Promise<number> {
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

  async function unmount(id: string): Promise<void> {
    if (!(await isMounted(directory(id)))) return
    await run('umount', ['--lazy', directory(id)], { timeout: toolTimeoutMs })
  }

  async function remove(id: string, what: 'remove' | 'keep'): Promise<void> {
    await unmount(id)
    if (await isThere(directory(id))) await rmdir(directory(id))
    if (what === 'keep') return
    await rm(image(id), { force: true })
    await rm(`${image(id)}.new`, { force: true })
    await rm(mode(id), { force: true })
  }

  /** Makes, mounts and removes a small one. Null when that works, otherwise why not. */
  async function trial(): Promise<string | null> {
    const id = `trial-${process.pid}`
    return ensure(id, { diskBytes: 8_388_608, exec: false, owner: TRIAL_OWNER }).then(
      () => remove(id, 'remove').then(() => null),
      async (error: unknown) => {
        await remove(id, 'remove').catch(() => {})
        return error instanceof Error ? error.message.split('\n').slice(0, 2).join(' ') : String(error)
      },
    )
  }

  return { trial, ensure, remount, unmount, remove, freeBytes, place, exists: (id: string) => isThere(image(id)) }
}

async function isMounted(path: string): Promise<boolean> {
  const table = await readFile('/proc/self/mountinfo', 'utf8')
  // Field 5 is the mount point, with space, tab, newline and backslash as octal (proc(5)).
  const points = table.split('\n').map((line) => line.split(' ')[4] ?? '')
  return points.some((point) => point.replace(/\\([0-7]{3})/g, (_, code) => octal(code)) === path)
}

function octal(code: string): string {
  return String.fromCharCode(Number.parseInt(code, 8))
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
