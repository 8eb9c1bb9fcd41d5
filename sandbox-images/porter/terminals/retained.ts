const BLOCK_BYTES = 16_384

/**
 * Output that is kept until it has been recorded. Offsets count bytes since the start and never go back.
 * Blocks have a fixed size, so that a program which prints one byte at a time costs no more than one that prints pages.
 */
export function createRetained() {
  const blocks: Buffer[] = []
  /** Offset of the first byte of blocks[0]: a multiple of BLOCK_BYTES. */
  let base = 0
  let oldest = 0
  let end = 0

  return {
    get oldest() {
      return oldest
    },
    get end() {
      return end
    },

    append(bytes: Buffer) {
      let taken = 0
      while (taken < bytes.length) {
        const within = (end - base) % BLOCK_BYTES
        if (within === 0) blocks.push(Buffer.allocUnsafeSlow(BLOCK_BYTES))
        const copied = bytes.copy(blocks[blocks.length - 1] ?? bytes, within, taken)
        taken += copied
        end += copied
      }
    },

    /** The longest contiguous piece at `offset`; empty at the end. The bytes never change after they were handed out. */
    at(offset: number): Buffer {
      if (offset < oldest || offset >= end) return Buffer.alloc(0)
      const index = Math.floor((offset - base) / BLOCK_BYTES)
      const start = base + index * BLOCK_BYTES
      return blocks[index]?.subarray(offset - start, end - start) ?? Buffer.alloc(0)
    },

    /** Bytes before `offset` are safe elsewhere. Memory goes back a block at a time. */
    release(offset: number) {
      oldest = Math.min(Math.max(offset, oldest), end)
      while (blocks.length > 0 && base + BLOCK_BYTES <= oldest) {
        blocks.shift()
        base += BLOCK_BYTES
      }
    },
  }
}
