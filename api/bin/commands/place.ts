import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type Store } from '../../store/connect.ts'
import { CannotStart } from '../prepare/steps.mjs'

export interface Where {
  /** Where package.json is. */
  root: string
  /** The state folder. */
  home: string
}
export type Say = (text: string) => void

const fileOf = (home: string) => join(home, 'launcher', 'database-url')

/** Written by the launcher, 0600, so that commands find the database of a Backlot that runs. */
export function rememberDatabase(home: string, serverUrl: string): void {
  writeFileSync(fileOf(home), serverUrl, { mode: 0o600 })
}

/** The address that people type, for links that commands print. */
export function rememberUrl(home: string, url: string): void {
  writeFileSync(join(home, 'launcher', 'url'), url, { mode: 0o600 })
}

export function rememberedUrl({ home }: Where): string {
  const file = join(home, 'launcher', 'url')
  return process.env.BACKLOT_URL ?? (existsSync(file) ? readFileSync(file, 'utf8') : 'http://127.0.0.1:4600')
}

/** The database as the server sees it: DATABASE_URL, or the built-in one of the state folder. Closed afterwards. */
export async function withDatabase<T>({ home }: Where, work: (db: Store) => Promise<T>): Promise<T> {
  const db = connect(process.env.DATABASE_URL || readUrl(home), { max: 2 })
  try {
    return await work(db)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null
    if (code === 'ENOENT' || code === 'ECONNREFUSED')
      throw new CannotStart('The database does not answer. Start Backlot first: npm start')
    throw error
  } finally {
    await db.destroy()
  }
}

function readUrl(home: string): string {
  try {
    return readFileSync(fileOf(home), 'utf8')
  } catch {
    throw new CannotStart(`There is no Backlot in ${home}. Start it first (npm start), or set BACKLOT_HOME.`)
  }
}
