import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { exactly } from './files.ts'
import { FRAME_BYTES, packFrame, seekTable } from './frames.ts'

/**
 * Writes the raw file's first `length` bytes compressed under the name `packed`, and says how long that file is. The raw
 * file is left to the caller. What a crash leaves:
 *
 * - before the rename: the raw file, and maybe a `.new` that nobody reads;
 * - after it: both, and the compressed one is complete. It is fsynced before it gets its name, and the directory after,
 *   because what is removed next may have been safe on the disk for days: a power failure may take the last seconds of
 *   a recording, never its past.
 *
 * A failure (a full disk) leaves the raw file as it was, and no `.new`.
 */
export async function compress(
  { raw, packed, length }: { raw: string; packed: string; length: number },
  signal: AbortSignal,
): Promise<number> {
  const beside = `${packed}.new`
  try {
    const bytes = await writeFrames(raw, beside, length, signal)
    await rename(beside, packed)
    await syncDirectory(dirname(packed))
    return bytes
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}

async function writeFrames(raw: string, beside: string, length: number, signal: AbortSignal): Promise<number> {
  const source = await open(raw, 'r')
  try {
    const target = await open(beside, 'w', 0o600)
    try {
      const frames: { packedBytes: number; length: number }[] = []
      for (let start = 0; start < length; start += FRAME_BYTES) {
        signal.throwIfAborted()
        const bytes = await exactly(source, start, Math.min(FRAME_BYTES, length - start))
        const frame = await packFrame(bytes)
        await target.writeFile(frame)
        frames.push({ packedBytes: frame.length, length: bytes.length })
      }
      const table = seekTable(frames)
      await target.writeFile(table)
      await target.sync()
      return frames.reduce((sum, { packedBytes }) => sum + packedBytes, table.length)
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

async function syncDirectory(path: string) {
  const directory = await open(path, 'r')
  await directory.sync().finally(() => directory.close())
}
