import { ApiError } from '../../errors.ts'

/** What all recordings of one sandbox may take on the disk. */
const QUOTA_BYTES = 536_870_912
/** With less a terminal would end again at once: its recorder stops when what waits for it does not fit. */
const ROOM_TO_OPEN_BYTES = 524_288

/** How much one sandbox's recordings take on the disk, and whether there is room for another terminal. */
export function createQuota(limitBytes = QUOTA_BYTES) {
  const state: { usedBytes: number; known: boolean } = { usedBytes: 0, known: true }
  return {
    /** How many more bytes may be recorded. */
    room: () => limitBytes - state.usedBytes,
    /** So many bytes more (or fewer) are on the disk now. */
    use(bytes: number) {
      state.usedBytes += bytes
    },
    /** What was counted on the disk. */
    setUsed(bytes: number) {
      state.usedBytes = bytes
    },
    /** The disk could not be read, so what the recordings take is not known, and nothing new may be recorded. */
    markUnknown() {
      state.known = false
    },
    /** Throws ApiError when no other terminal may be opened. */
    requireRoomToOpen() {
      if (!state.known)
        throw new ApiError(
          'sandbox_not_ready',
          'The recordings of this sandbox cannot be read, so it cannot have new ones. Ask your admin to look at the disk.',
        )
      if (limitBytes - state.usedBytes < ROOM_TO_OPEN_BYTES)
        throw new ApiError(
          'limit_reached',
          'The recordings of this sandbox are full. Make a new prototype, or ask your admin.',
        )
    },
  }
}
export type Quota = ReturnType<typeof createQuota>
