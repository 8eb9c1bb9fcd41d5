/** Disks for tests that are about something else, and disks that a test fills by a word. */
import type { DiskConfig } from '../../api/config.ts'
import type { SharedRoom } from '../../api/gateway/terminals/quota.ts'
import { type Gauge, openGauge } from '../../api/room/gauge.ts'
import type { Disk } from '../../api/room/judge.ts'

const GIB = 1_073_741_824
const everything = ['database', 'recordings', 'workspaces'] as const

export const someDisk = (freeBytes = 100 * GIB): Disk => ({
  holds: everything,
  totalBytes: 200 * GIB,
  freeBytes,
  promisedBytes: 0,
})

/** The machine's own disk, without a reserve worth the name: a full disk of whoever runs the tests fails other tests. */
export const diskOf = (paths: { postgres: string; recordings: string; workspaces: string }): DiskConfig => ({
  places: { database: paths.postgres, recordings: paths.recordings, workspaces: paths.workspaces },
  reserveBytes: 1_048_576,
  recordings: { personBytes: null, allBytes: null, keptDays: 90 },
})

/** A gauge on a disk that has what the test says. `set` resolves when everybody knows. */
export async function gaugeOn(first: Disk | null) {
  const state: { disk: Disk | null } = { disk: first }
  const gauge = await openGauge({
    places: { database: null, recordings: '/', workspaces: '/' },
    reserveBytes: null,
    everyMs: 5,
    measure: async () => {
      if (state.disk === null) throw new Error('the disk cannot be read')
      return [state.disk]
    },
  })
  return {
    gauge,
    async set(disk: Disk | null, low: boolean) {
      state.disk = disk
      while (gauge.isLow() !== low) await new Promise((look) => setTimeout(look, 5))
    },
  }
}

/** As much as anybody wants. */
export const roomyGauge: Pick<Gauge, 'room' | 'isLow' | 'onChange'> = {
  room: () => ({ low: false, disks: [], words: null }),
  isLow: () => false,
  onChange: () => {},
}
export const roomy: SharedRoom = {
  counted: async () => {},
  left: () => ({ bytes: Number.POSITIVE_INFINITY, words: '' }),
  use: () => {},
  setUsed: () => {},
  requireDisk: () => {},
  hasDiskFor: () => true,
}
