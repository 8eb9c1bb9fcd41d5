import { createFlow } from './flow.ts'

export interface Screen {
  /** Calls `shown` when the bytes are on the screen. `from` is the offset of the first. */
  write: (bytes: Uint8Array, from: number, shown: () => void) => void
  /** Output before the offset is not known here any more: the screen starts afresh. */
  reset: () => void
  size: () => { cols: number; rows: number }
}

/**
 * Output on its way to the screen, and how far it is. `onChoke`: more came than the screen can show, so nothing more is
 * taken until `onCaughtUp`.
 */
export const createIntake = (screen: Screen, onChoke: () => void, onCaughtUp: () => void) => {
  const flow = createFlow()
  let offset = 0
  let choking = false
  return {
    /** How many bytes this screen has. */
    offset: () => offset,
    isChoking: () => choking,
    take(bytes: Uint8Array) {
      const from = offset
      offset += bytes.byteLength
      flow.arrived(bytes.byteLength)
      screen.write(bytes, from, () => {
        flow.shown(bytes.byteLength)
        if (!choking || !flow.caughtUp()) return
        choking = false
        onCaughtUp()
      })
      if (!flow.tooMuch() || choking) return
      choking = true
      onChoke()
    },
    /** What follows begins here. */
    startAt(next: number) {
      if (next === offset) return
      screen.reset()
      offset = next
    },
  }
}
