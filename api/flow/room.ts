/** One piece of work's part of the room that its owner has. */
export interface Held {
  /** False when so many bytes more would not fit. */
  take(bytes: number): boolean
  bytes(): number
  release(): void
}

/** Keeps account of how many bytes the works of one owner hold together, each from its first byte until `release`. */
export function createRoom({ heldBytes }: { heldBytes: number }) {
  const all = { bytes: 0 }
  return {
    hold(): Held {
      const own = { bytes: 0 }
      return {
        take(bytes) {
          if (all.bytes + bytes > heldBytes) return false
          all.bytes += bytes
          own.bytes += bytes
          return true
        },
        bytes: () => own.bytes,
        release() {
          all.bytes -= own.bytes
          own.bytes = 0
        },
      }
    },
  }
}
