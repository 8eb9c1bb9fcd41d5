import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type PersonId, type SandboxId, sandboxId } from '../../../contract/ids.ts'
import { ApiError } from '../../../errors.ts'
import type { Gauge } from '../../../room/gauge.ts'
import { unlessMissing } from '../../../room/measure.ts'
import { leftFor, type RecordingLimits } from '../../../room/recordings.ts'
import type { SharedRoom } from '../quota.ts'
import { createRecordings } from '../recordings.ts'

export interface KeptSandbox {
  id: SandboxId
  owner: PersonId
  removed: boolean
}

interface LedgerDeps {
  /** All recordings: `<root>/<sandbox>/`. */
  root: string
  gauge: Pick<Gauge, 'room' | 'isLow' | 'hasRoomFor' | 'take'>
  limits: () => RecordingLimits
  /** What the database knows of these, also of removed ones. */
  read: (ids: readonly SandboxId[]) => Promise<KeptSandbox[]>
  /** Of one that runs. */
  personOf: (id: SandboxId) => PersonId | null
}

interface Entry {
  bytes: number
  /** A door is open that counts as it writes; otherwise the disk is counted. */
  live: boolean
  /** Its sandbox is gone, so it never changes again. */
  settled: boolean
}

/**
 * Who has how much recorded, as the disk says: kept recordings of removed sandboxes count for their owner. Nothing is stored
 * about it anywhere else, so it cannot disagree.
 *
 * Longer than 60 lines because everything in it is one set of sums.
 */
export function createLedger({ root, gauge, limits, read, personOf }: LedgerDeps) {
  const entries = new Map<SandboxId, Entry>()
  const owners = new Map<SandboxId, PersonId>()
  const sums = { all: 0, byPerson: new Map<PersonId, number>() }
  const state: { counted: Promise<void> | null } = { counted: null }

  const ownerOf = (id: SandboxId) => owners.get(id) ?? personOf(id)

  function add(id: SandboxId, bytes: number): void {
    sums.all += bytes
    const owner = ownerOf(id)
    if (owner) sums.byPerson.set(owner, (sums.byPerson.get(owner) ?? 0) + bytes)
  }
  function sumAgain(): void {
    sums.all = 0
    sums.byPerson.clear()
    for (const [id, { bytes }] of entries) add(id, bytes)
  }
  function liveEntry(id: SandboxId): Entry {
    const entry = entries.get(id) ?? { bytes: 0, live: true, settled: false }
    entry.live = true
    entries.set(id, entry)
    return entry
  }

  async function count(): Promise<void> {
    const found = await sandboxesIn(root)
    const rows = new Map((await read(found)).map((row) => [row.id, row]))
    for (const id of found) {
      const row = rows.get(id)
      if (row) owners.set(id, row.owner)
      const known = entries.get(id)
      if (known?.live || known?.settled) continue
      const bytes = await createRecordings(join(root, id)).usedBytes()
      if (!entries.get(id)?.live) entries.set(id, { bytes, live: false, settled: row?.removed ?? false })
    }
    const there = new Set(found)
    for (const [id, { live }] of entries) if (!live && !there.has(id)) entries.delete(id)
    sumAgain()
  }

  return {
    /** Counts what others than the open doors have on the disk: what was there before, and what other gateways write. */
    async recount(): Promise<void> {
      const counting = count()
      // Whoever asks waits for the first count only; later ones run beside what was counted before.
      state.counted ??= counting
      await counting.catch(() => {})
      state.counted = counting
      return counting
    },

    forSandbox: (id: SandboxId): SharedRoom => ({
      counted: () => state.counted ?? Promise.reject(new Error('not counted yet')),
      left(person) {
        const owner = ownerOf(id) ?? person
        const personBytes = owner ? (sums.byPerson.get(owner) ?? 0) : sums.all
        return leftFor(limits(), { personBytes, allBytes: sums.all })
      },
      use(bytes) {
        liveEntry(id).bytes += bytes
        add(id, bytes)
        gauge.take(Math.max(0, bytes))
      },
      setUsed(bytes) {
        const entry = liveEntry(id)
        add(id, bytes - entry.bytes)
        entry.bytes = bytes
      },
      requireDisk() {
        const { low, words } = gauge.room()
        if (low) throw new ApiError('no_room', words ?? 'The disk is nearly full.')
      },
      hasDiskFor: gauge.hasRoomFor,
    }),

    /** Its door is closed: from now on the disk is counted. */
    release(id: SandboxId): void {
      const entry = entries.get(id)
      if (entry) entry.live = false
    },
  }
}
export async function sandboxesIn(root: string): Promise<SandboxId[]> {
  const names = await readdir(root).catch(unlessMissing([]))
  return names.flatMap((name) => sandboxId.safeParse(name).data ?? [])
}
