/** Another size for a workspace that is there: its policy allows it more disk than before, or less. */
import { execFile } from 'node:child_process'
import { rename, rm, stat, truncate } from 'node:fs/promises'
import { promisify } from 'node:util'
import { z } from 'zod'
import { ApiError } from '../errors.ts'

const run = promisify(execFile)
/** A full workspace on a slow disk. */
const timeout = 600_000
const env = { PATH: '/usr/sbin:/sbin:/usr/bin:/bin' }
/** e2fsck(8): 0 is clean, 1 was put right; more is neither. */
const exited = z.object({ code: z.literal(1) })

/**
 * To be called while it is not mounted. What is changed is a copy, and only what is whole takes the image's place: a crash
 * leaves it as it was. `promise` throws where the disk has no room for the copy and for what the image may grow by; nothing
 * else is promised until the copy is there and counts.
 */
export async function resizeImage(
  image: string,
  diskBytes: number,
  promise: (bytes: number, allocate: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const { size, blocks } = await stat(image)
  if (size === diskBytes) return
  await promise(blocks * 512 + Math.max(0, diskBytes - size), () => replaceImage(image, size, diskBytes))
}

async function replaceImage(image: string, size: number, diskBytes: number): Promise<void> {
  const copy = `${image}.new`
  try {
    await run('cp', ['--sparse=always', '--reflink=auto', image, copy], { timeout, env })
    await run('e2fsck', ['-f', '-p', copy], { timeout, env }).catch((error) => {
      if (!exited.safeParse(error).success) throw error
    })
    if (diskBytes > size) await truncate(copy, diskBytes)
    else await requireRoom(copy, diskBytes)
    await run('resize2fs', [copy, `${diskBytes / 1024}K`], { timeout, env })
    await truncate(copy, diskBytes)
    await rename(copy, image)
  } catch (error) {
    await rm(copy, { force: true })
    throw error
  }
}

const smallest = /minimum size of the filesystem: (\d+)/
const blockSize = /^Block size:\s+(\d+)$/m

async function requireRoom(image: string, diskBytes: number): Promise<void> {
  const [{ stdout: found }, { stdout: described }] = await Promise.all([
    run('resize2fs', ['-P', image], { timeout, env: { ...env, LC_ALL: 'C' } }),
    run('dumpe2fs', ['-h', image], { timeout, env: { ...env, LC_ALL: 'C' } }),
  ])
  const leastBytes = Number(smallest.exec(found)?.[1]) * Number(blockSize.exec(described)?.[1])
  // Where neither could be read, resize2fs refuses what does not fit.
  if (!(leastBytes > diskBytes)) return
  const [allowed, needed] = [diskBytes, leastBytes].map((bytes) => Math.ceil(bytes / 1_048_576))
  throw new ApiError(
    'limit_reached',
    `The policy allows this workspace ${allowed} MiB of disk, and its files need ${needed} MiB. They are kept. Ask your admin to allow that much, then start it again.`,
  )
}
