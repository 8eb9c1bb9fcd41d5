import { randomBytes } from 'node:crypto'
import { readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { slug } from '../../contract/ids.ts'
import { unlessMissing } from '../../room/measure.ts'

/** How a terminal ended; written once, beside its segments. */
const ending = z.strictObject({ exitCode: z.int().nullable(), why: z.string() })
export type Ending = z.infer<typeof ending>

const ENDING_FILE = 'ended.json'
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
/**
 * What an opening takes besides its bytes: a folder and two files. Of each ext4 has one for every 16 KiB of its disk, and who
 * opens and closes terminals all day must not use them up.
 */
export const OPENING_BYTES = 49_152
const OPENING = /^\d{13}-[a-z2-7]{8}$/

/** A later opening of the same name sorts after this one. */
export function newOpening(now: number) {
  const tail = Array.from(randomBytes(8), (byte) => ALPHABET[byte & 31]).join('')
  return `${String(now).padStart(13, '0')}-${tail}`
}

/**
 * The recordings of one sandbox: `<directory>/<terminal>/<opening>/`. Nothing is ever taken away here: they are evidence,
 * and stay after their sandbox for as long as archive/retention.ts says.
 */
export function createRecordings(directory: string) {
  const list = (path: string) => readdir(path).catch(() => [])
  return {
    pathOf: (name: string, id: string) => join(directory, name, id),

    /** Every opening of each terminal that was ever recorded. */
    async openings(): Promise<{ name: string; id: string; latest: boolean }[]> {
      const found: { name: string; id: string; latest: boolean }[] = []
      for (const name of await list(directory)) {
        if (!slug.safeParse(name).success) continue
        const ids = (await list(join(directory, name))).filter((entry) => OPENING.test(entry)).sort()
        found.push(...ids.map((id) => ({ name, id, latest: id === ids.at(-1) })))
      }
      return found
    },

    async ending(name: string, id: string): Promise<Ending | null> {
      const text = await readFile(join(directory, name, id, ENDING_FILE), 'utf8').catch(() => null)
      if (text === null) return null
      try {
        return ending.parse(JSON.parse(text))
      } catch {
        // Written without fsync: a power failure may leave it empty. That it is there says that the terminal had ended.
        return { exitCode: null, why: 'it had ended; how was lost with the power' }
      }
    },

    async markEnded(name: string, id: string, how: Ending) {
      const file = join(directory, name, id, ENDING_FILE)
      await writeFile(`${file}.new`, JSON.stringify(ending.parse(how)), { mode: 0o600 })
      await rename(`${file}.new`, file)
    },

    /** What all recordings of this sandbox take on the disk, earlier openings too. */
    async usedBytes(): Promise<number> {
      const options = { recursive: true, withFileTypes: true } as const
      const entries = await readdir(directory, options).catch(unlessMissing([]))
      const sizes = entries.map(async (entry) => {
        if (entry.isDirectory()) return OPENING.test(entry.name) ? OPENING_BYTES : 0
        const file = await stat(join(entry.parentPath, entry.name)).catch(unlessMissing(null))
        return file?.size ?? 0
      })
      return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
    },
  }
}
export type Recordings = ReturnType<typeof createRecordings>
