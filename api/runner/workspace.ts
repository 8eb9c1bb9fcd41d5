/**
 * The sized workspace of a sandbox: an ext4 file system in a sparse file `<id>.img`, mounted at `<id>/` beside it.
 * A mount is what makes the size a limit and what carries nosuid, nodev and noexec into the container.
 */
import { mkdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { allocate, giveTo, makeImage, mount, unmount } from './file-system.ts'
import { createPromises, freeBytes } from './promise.ts'
import { resizeImage } from './resize.ts'

/** Whose the doctor's trial is: nobody's. */
const TRIAL_OWNER = 65_534

const remembered = z.object({ exec: z.boolean() })

export type Workspaces = ReturnType<typeof createWorkspaces>

/**
 * `reserveBytes`: what of the disk is never given to a workspace; null: see room/judge.ts.
 *
 * Longer than 60 lines because it has a short function for each verb of one set of paths.
 */
export function createWorkspaces(root: string, reserveBytes: number | null = null) {
  const promise = createPromises(root, reserveBytes)
  const directory = (id: string) => join(root, id)
  const image = (id: string) => join(root, `${id}.img`)
  /** What a remount needs to know, beside the image. */
  const mode = (id: string) => join(root, `${id}.json`)

  /** The empty mount point: root's and not writable, so that without its mount a sandbox cannot fill the host's disk through it. */
  async function place(id: string): Promise<string> {
    await mkdir(root, { recursive: true, mode: 0o700 })
    await mkdir(directory(id), { recursive: true, mode: 0o500 })
    return directory(id)
  }

  /** Makes the file system when it is not there, gives it the size that is wanted now, and mounts it. Idempotent. */
  async function ensure(id: string, size: { diskBytes: number; exec: boolean; owner: number }): Promise<void> {
    await place(id)
    await writeFile(mode(id), JSON.stringify({ exec: size.exec }), { mode: 0o600 })
    if (await isThere(image(id))) await resizeImage(image(id), size.diskBytes, promise)
    else {
      await promise(size.diskBytes, () => allocate(image(id), size.diskBytes))
      await makeImage(image(id), size.owner)
    }
    await mount(image(id), directory(id), size.exec)
    await giveTo(directory(id), size.owner)
  }

  /** Mounts again what a reboot unmounted. */
  async function remount(id: string): Promise<void> {
    const { exec } = remembered.parse(JSON.parse(await readFile(mode(id), 'utf8')))
    await mount(image(id), await place(id), exec)
  }

  async function remove(id: string, what: 'remove' | 'keep'): Promise<void> {
    await unmount(directory(id))
    if (await isThere(directory(id))) await rmdir(directory(id))
    if (what === 'keep') return
    await rm(image(id), { force: true })
    await rm(`${image(id)}.new`, { force: true })
    await rm(mode(id), { force: true })
  }

  return {
    root,
    ensure,
    remount,
    remove,
    place,
    unmount: (id: string) => unmount(directory(id)),
    freeBytes: () => freeBytes(root),
    /** Throws ApiError `no_room` when so much beside the reserve is not left. */
    requireRoom: async (bytes: number) => {
      await mkdir(root, { recursive: true, mode: 0o700 })
      await promise(bytes, async () => {})
    },
    exists: (id: string) => isThere(image(id)),
    /** Makes, mounts and removes a small one. Null when that works, otherwise why not. */
    trial: () => {
      const id = `trial-${process.pid}`
      return reasonWhyNot(
        () => ensure(id, { diskBytes: 8_388_608, exec: false, owner: TRIAL_OWNER }),
        () => remove(id, 'remove'),
      )
    },
  }
}

async function reasonWhyNot(make: () => Promise<void>, remove: () => Promise<void>): Promise<string | null> {
  try {
    await make()
    await remove()
    return null
  } catch (error) {
    await remove().catch(() => {})
    return reasonOf(error)
  }
}

const reasonOf = (error: unknown) =>
  error instanceof Error ? error.message.split('\n').slice(0, 2).join(' ') : String(error)

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
