export interface Box {
  x: number
  y: number
  width: number
  height: number
}
interface Front {
  outline: string
  windows: Box[]
  door: Box | null
  /** The strut behind, which shows that it is only a front. */
  strut: string
}

export const WIDTH = 320
export const HEIGHT = 104
const GROUND = 92

/** Mulberry32: the same numbers for the same seed. */
const numbersFrom = (seed: string) => {
  let state = 2166136261
  for (const character of seed) state = Math.imul(state ^ (character.codePointAt(0) ?? 0), 16777619)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

const roofs = [
  (x: number, _top: number, width: number) => `H${x + width}`,
  (x: number, top: number, width: number) => `L${x + width / 2} ${top - 14} L${x + width} ${top}`,
  (x: number, top: number, width: number) =>
    `H${x + width * 0.2} V${top - 8} H${x + width * 0.8} V${top} H${x + width}`,
  (x: number, top: number, width: number) => `H${x + width * 0.3} V${top - 6} L${x + width} ${top - 12} V${top}`,
] as const

const front = (random: () => number, x: number, width: number, withDoor: boolean): Front => {
  const height = 34 + Math.floor(random() * 5) * 7
  const top = GROUND - height
  const roof = roofs[Math.floor(random() * roofs.length)] ?? roofs[0]
  const columns = Math.max(2, Math.floor(width / 20))
  const rows = Math.max(1, Math.floor((height - 20) / 14))
  const gap = width / columns
  const windows = Array.from({ length: rows * columns }, (_, index) => ({
    x: x + gap * (index % columns) + gap / 2 - 4,
    y: top + 8 + 14 * Math.floor(index / columns),
    width: 8,
    height: 8,
  }))
  return {
    outline: `M${x} ${GROUND} V${top} ${roof(x, top, width)} V${GROUND} Z`,
    windows: windows.filter((window) => window.y + window.height < GROUND - 18),
    door: withDoor ? { x: x + width / 2 - 6, y: GROUND - 17, width: 12, height: 17 } : null,
    strut: `M${x + width} ${top + 6} L${x + width + 16} ${GROUND}`,
  }
}

/** A row of three or four fronts, always the same for the same seed. */
export const street = (seed: string): Front[] => {
  const random = numbersFrom(seed)
  const count = 3 + Math.floor(random() * 2)
  const widths = Array.from({ length: count }, () => 40 + Math.floor(random() * 3) * 12)
  const free = WIDTH - widths.reduce((sum, width) => sum + width, 0)
  let x = free / (count + 1) - 4
  return widths.map((width, index) => {
    const drawn = front(random, x, width, index === 1 || random() > 0.5)
    x += width + free / (count + 1)
    return drawn
  })
}
