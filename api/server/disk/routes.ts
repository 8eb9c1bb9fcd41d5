import { sql } from 'kysely'
import { z } from 'zod'
import type { DiskConfig } from '../../config.ts'
import { type DiskReport, diskReport } from '../../contract/health.ts'
import type { Gauge } from '../../room/gauge.ts'
import { takenBy } from '../../room/measure.ts'
import { recordingLimitsOf } from '../../room/recordings.ts'
import type { Store } from '../../store/connect.ts'
import type { App } from '../http/route.ts'

export interface DiskRouteDeps {
  db: Store
  gauge: Pick<Gauge, 'room'>
  disk: DiskConfig
}

const size = z.object({ bytes: z.int() })

/** How much room there is, and what takes it. */
export function diskRoutes(app: App, deps: DiskRouteDeps): void {
  app.get(
    '/api/v1/disk',
    { config: { access: ['admin', 'security'] }, schema: { tags: ['health'], response: { 200: diskReport } } },
    () => reportOf(deps),
  )
}

async function reportOf({ db, gauge, disk }: DiskRouteDeps): Promise<DiskReport> {
  const { low, words, disks } = gauge.room()
  const { places } = disk
  const unknown = () => null
  const [database, recordings, workspaces] = await Promise.all([
    databaseBytes(db).catch(unknown),
    takenBy(places.recordings).catch(unknown),
    takenBy(places.workspaces).catch(unknown),
  ])
  const total = disks.find(({ holds }) => holds.includes('recordings'))?.totalBytes ?? 0
  const limits = recordingLimitsOf(total, disk.recordings)
  return {
    low,
    words,
    disks: disks.map(({ holds, ...bytes }) => ({ ...bytes, holds: [...holds] })),
    takes: { database, recordings, workspaces },
    databaseIsHere: places.database !== null,
    recordings: { limitBytes: limits.allBytes, personLimitBytes: limits.personBytes, keptDays: limits.keptDays },
  }
}

/** Without its write-ahead log, which is of a fixed size. */
async function databaseBytes(db: Store): Promise<number> {
  const { rows } = await sql`SELECT pg_database_size(current_database())::bigint AS bytes`.execute(db)
  return size.parse(rows[0]).bytes
}
