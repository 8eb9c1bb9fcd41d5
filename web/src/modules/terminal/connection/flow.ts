/** Beyond this much output that is not on the screen yet the connection is dropped, and taken up again where it was when the screen has caught up. */
const HIGH_BYTES = 16 * 1024 * 1024
const LOW_BYTES = 1024 * 1024

/** Counts what has arrived and is not on the screen yet. A browser's WebSocket cannot be told to wait. */
export const createFlow = () => {
  let pending = 0
  return {
    arrived: (bytes: number) => {
      pending += bytes
    },
    shown: (bytes: number) => {
      pending -= bytes
    },
    tooMuch: () => pending > HIGH_BYTES,
    caughtUp: () => pending < LOW_BYTES,
  }
}
