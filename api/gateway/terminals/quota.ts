import type { PersonId } from '../../contract/ids.ts'
import { ApiError } from '../../errors.ts'
import type { Left } from '../../room/recordings.ts'

/** What all recordings of one sandbox may take on the disk. */
const QUOTA_BYTES = 536_870_912
/** With less a terminal would end again at once: its recorder stops when what waits for it does not fit. */
const ROOM_TO_OPEN_BYTES = 524_288

const FULL: Omit<Left, 'bytes'> = {
  words:
    'The recordings of this sandbox are full: they have reached their limit. Make a new prototype, or ask your admin.',
}

/** What a sandbox's recordings share with others: the disk, and the quotas of its owner and of everybody (archive/). */
export interface SharedRoom {
  /** Rejects when what is recorded already could not be counted. */
  counted(): Promise<void>
  /** What its owner may still record. `person`: who is behind it, where that is known better than from the database. */
  left(person: PersonId | null): Left
  /** So many bytes more (or fewer) of this sandbox are on the disk now. */
  use(bytes: number): void
  setUsed(bytes: number): void
  /** Throws ApiError while the disk has only its reserve left. */
  requireDisk(): void
  /** Whether so much may be written without touching the reserve. */
  hasDiskFor(bytes: number): boolean
}

/** How much one sandbox's recordings take on the disk, and whether there is room for another terminal. */
export function createQuota(shared: SharedRoom, person: () => PersonId | null, limitBytes = QUOTA_BYTES) {
  const state: { usedBytes: number; known: boolean } = { usedBytes: 0, known: true }

  function left(): Left {
    const own = limitBytes - state.usedBytes
    const others = shared.left(person())
    return own <= others.bytes ? { ...FULL, bytes: own } : others
  }

  return {
    /** How many more bytes may be recorded. */
    room: () => left().bytes,
    /** Why it is full, and what to do. */
    words: () => left().words,
    hasDiskFor: shared.hasDiskFor,
    /** So many bytes more (or fewer) are on the disk now. */
    use(bytes: number) {
      state.usedBytes += bytes
      shared.use(bytes)
    },
    /** What was counted on the disk. */
    setUsed(bytes: number) {
      state.usedBytes = bytes
      shared.setUsed(bytes)
    },
    /** The disk could not be read, so what the recordings take is not known, and nothing new may be recorded. */
    markUnknown() {
      state.known = false
    },
    /** Throws ApiError when no other terminal may be opened. */
    async requireRoomToOpen() {
      shared.requireDisk()
      const counted = await shared.counted().then(
        () => true,
        () => false,
      )
      if (!state.known || !counted)
        throw new ApiError(
          'sandbox_not_ready',
          'The recordings cannot be read, so there cannot be new ones. Ask your admin to look at the disk.',
        )
      const { bytes, words } = left()
      if (bytes < ROOM_TO_OPEN_BYTES) throw new ApiError('limit_reached', words)
    },
  }
}
export type Quota = ReturnType<typeof createQuota>
