/**
 * Whether a program's event loop turns: asked at each tick of the launcher's own clock, and counted in its ticks. So a
 * machine that was suspended, or a launcher that was itself late, has one tick more and not a minute of silence.
 */
export const BEAT_MS = 250
/** Without an answer for so long it is not coming back by itself, and its sandboxes wait. */
const SILENT_MS = 2_000
/** For its first answer, which it gives when its start is over. */
const START_MS = 60_000

export interface Pulse {
  /** Whether this life has ever answered. */
  answered: boolean
  /** Ticks since the last answer, or since its birth. */
  ticks: number
}

export const born: Pulse = { answered: false, ticks: 0 }
export const beat: Pulse = { answered: true, ticks: 0 }

/** `silentMs`: for how long at least it has not answered, when that is too long; else 0. */
export function tick({ answered, ticks }: Pulse): { pulse: Pulse; silentMs: number } {
  const pulse = { answered, ticks: ticks + 1 }
  const patienceMs = answered ? SILENT_MS : START_MS
  return { pulse, silentMs: pulse.ticks * BEAT_MS > patienceMs ? patienceMs : 0 }
}
