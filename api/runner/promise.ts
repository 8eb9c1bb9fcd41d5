import { statfs } from 'node:fs/promises'
import { sized } from '../contract/health.ts'
import { ApiError } from '../errors.ts'
import { createKeyedQueue } from '../flow/keyed-queue.ts'
import { enoughBytes, reserveOf } from '../room/judge.ts'
import { promisedIn } from '../room/measure.ts'

/** Free bytes of the disk, after what the images in `root` may still grow by: together they cannot fill it. */
export async function freeBytes(root: string): Promise<number> {
  // First: see measureDisks.
  const promised = await promisedIn(root)
  const { bavail, bsize } = await statfs(root)
  return bavail * bsize - promised
}

/**
 * Gives disk away: `allocate` is called when so much is left beside the reserve, and throws ApiError `no_room` otherwise. One
 * at a time, or two would be given the same. The images are sparse and count with their whole size from then on, so what
 * a sandbox writes later was subtracted before it existed, and takes nothing from the reserve.
 */
export function createPromises(root: string, wantedReserve: number | null) {
  const queue = createKeyedQueue<'promise'>()
  return (bytes: number, allocate: () => Promise<void>) =>
    queue.run('promise', async () => {
      const { blocks, bsize } = await statfs(root)
      const reserve = enoughBytes(reserveOf(blocks * bsize, wantedReserve))
      const missing = reserve + bytes - (await freeBytes(root))
      if (missing > 0)
        throw new ApiError(
          'no_room',
          `The host's disk has no room for ${sized(bytes)} more: ${sized(missing)} are missing beside the ${sized(reserve)} that are kept for stops, sign-in and the log. Delete prototypes or add disk.`,
        )
      await allocate()
    })
}
