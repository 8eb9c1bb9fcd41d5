/** What the file systems under Backlot's state have left, and what takes it. */
import { readdir, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Holding } from '../contract/health.ts'
import type { Disk } from './judge.ts'

/** Where Backlot keeps what grows. A folder that is not made yet counts as its parent. */
export interface Places {
  /** Null: the database is somewhere else, and its disk cannot be seen from here. */
  database: string | null
  recordings: string
  workspaces: string
}

/** Images of workspaces, also those that are being made. */
const IMAGE = /[.]img([.]new)?$/
/** Of st_blocks, whatever the file system's own are (stat(2)). */
const BLOCK_BYTES = 512

/** One entry for each file system. Rejects when one cannot be read. */
export async function measureDisks(places: Places): Promise<Disk[]> {
  // First: what is written in between is then counted as promised and as taken, never as neither.
  const promisedBytes = await promisedIn(places.workspaces)
  const holdings: [Holding, string | null][] = [
    ['database', places.database],
    ['recordings', places.recordings],
    ['workspaces', places.workspaces],
  ]
  const byDevice = new Map<number, { path: string; holds: Holding[] }>()
  for (const [holding, wanted] of holdings) {
    if (wanted === null) continue
    const { path, device } = await existing(wanted)
    const found = byDevice.get(device) ?? { path, holds: [] }
    found.holds.push(holding)
    byDevice.set(device, found)
  }
  return Promise.all(
    [...byDevice.values()].map(async ({ path, holds }) => {
      const { blocks, bavail, bsize } = await statfs(path)
      const promised = holds.includes('workspaces') ? promisedBytes : 0
      return { holds, totalBytes: blocks * bsize, freeBytes: bavail * bsize, promisedBytes: promised }
    }),
  )
}

/** What the sparse images in a folder may still grow by: together they must never fill the disk. */
export async function promisedIn(workspaces: string): Promise<number> {
  const images = (await entriesOf(workspaces)).filter((name) => IMAGE.test(name))
  const growth = await Promise.all(
    images.map(async (name) => {
      const file = await stat(join(workspaces, name)).catch(unlessMissing(null))
      return file === null ? 0 : Math.max(0, file.size - file.blocks * BLOCK_BYTES)
    }),
  )
  return growth.reduce((sum, bytes) => sum + bytes, 0)
}

/** What the files below a folder take on the disk. Other file systems, such as a mounted workspace, are not entered. */
export async function takenBy(folder: string): Promise<number> {
  const top = await stat(folder).catch(unlessMissing(null))
  return top === null ? 0 : takenBelow(folder, top.dev)
}

async function takenBelow(folder: string, device: number): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(unlessMissing([]))
  let sum = 0
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isSymbolicLink()) continue
    const found = await stat(path).catch(unlessMissing(null))
    if (found === null || found.dev !== device) continue
    sum += found.blocks * BLOCK_BYTES
    if (found.isDirectory()) sum += await takenBelow(path, device)
  }
  return sum
}

const entriesOf = (folder: string): Promise<string[]> => readdir(folder).catch(unlessMissing([]))

async function existing(wanted: string): Promise<{ path: string; device: number }> {
  const found = await stat(wanted).catch(unlessMissing(null))
  return found === null ? existing(dirname(wanted)) : { path: wanted, device: found.dev }
}

/** Files come and go while they are counted. Anything else that goes wrong means that the disk cannot be read. */
export const unlessMissing =
  <T>(instead: T) =>
  (error: unknown): T => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return instead
    throw error
  }
