const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 10_000
/** After this long a program counts as healthy, and its next death is a first one. */
const HEALTHY_AFTER_MS = 60_000

/** The number of the death that ends a life of `livedMs`, in a row of deaths that came soon after one another. */
export const countDeath = (before: number, livedMs: number): number => (livedMs >= HEALTHY_AFTER_MS ? 1 : before + 1)

/** Who was killed once or twice is back at once; what dies by itself again and again does not keep the machine busy. */
export const pauseAfter = (deaths: number): number =>
  Math.min(FIRST_PAUSE_MS * 2 ** Math.max(0, deaths - 2), LONGEST_PAUSE_MS)
