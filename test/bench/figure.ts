import type { Reference } from './reference.ts'

/** One measured number beside what it is compared with in the same run. */
export interface Figure {
  what: string
  ours: number
  reference: Reference
  unit: string
  /** The aim in words, and whether this run met it; null where there is none to meet. */
  aim: string
  met: boolean | null
}

/** The p-th percentile (0–100) by nearest rank. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil((p / 100) * sorted.length) - 1))] ?? Number.NaN
}

const rounded = (value: number) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3))

const compared = (reference: Reference) =>
  'missing' in reference ? `not measured: ${reference.missing}` : `${rounded(reference.value)} (${reference.against})`

/** The figures as a table of text. */
export function table(figures: readonly Figure[]): string {
  const head = ['what', 'ours', 'reference', 'unit', 'aim', '']
  const rows = figures.map((figure) => [
    figure.what,
    rounded(figure.ours),
    compared(figure.reference),
    figure.unit,
    figure.aim,
    figure.met === null ? '' : figure.met ? 'met' : 'NOT MET',
  ])
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: string[]) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

/** Runs `work` until `durationMs` have passed, `lanes` at a time; resolves with each one's duration in ms, and the time in all. */
export async function load(lanes: number, durationMs: number, work: () => Promise<void>) {
  const durations: number[] = []
  const began = performance.now()
  const lane = async () => {
    while (performance.now() - began < durationMs) {
      const start = performance.now()
      await work()
      durations.push(performance.now() - start)
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return {
    durations,
    elapsedMs: performance.now() - began,
    perSecond: (durations.length / (performance.now() - began)) * 1000,
  }
}
