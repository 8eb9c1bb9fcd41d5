import type { AuditEvent } from '../contract/audit.ts'
import type { Append } from './append.ts'

/** How long the same refusal is counted before the number is written down. */
const WINDOW_MS = 60_000
/** How many kinds of refusals are counted at the same time. Beyond that, each refusal is written by itself. */
const MAX_KEYS = 10_000

export interface CountingDeps {
  append: Append
  /** A write failed. Its number is added to the next one. */
  onFailure: (error: unknown) => void
  windowMs?: number
  maxKeys?: number
}

interface Counted<T> {
  /** The latest of them. */
  refused: T
  /** Refused and not recorded yet. */
  times: number
  timer: NodeJS.Timeout | null
  writing: Promise<void>
}

/**
 * Records refusals of one sort. The first of its kind is in the log before `record` resolves; the same again (a page that
 * polls) is counted, and the log has the number at the end of each window and at `close`. A crash loses the number of one
 * window, never the fact.
 */
export function createCountedRefusals<T>({
  append,
  onFailure,
  keyOf,
  eventOf,
  windowMs = WINDOW_MS,
  maxKeys = MAX_KEYS,
}: CountingDeps & {
  /** What makes two of them the same. */
  keyOf: (refused: T) => string
  eventOf: (refused: T, times: number) => AuditEvent
}) {
  const counted = new Map<string, Counted<T>>()

  /** Writes down what was counted; what the log does not take stays counted. */
  async function write(entry: Counted<T>): Promise<void> {
    const { times } = entry
    if (times === 0) return
    entry.times = 0
    await append(eventOf(entry.refused, times)).catch((error) => {
      entry.times += times
      onFailure(error)
    })
  }

  function startWindow(key: string, entry: Counted<T>): void {
    entry.timer = setTimeout(() => void endWindow(key, entry), windowMs).unref()
  }

  /** Waits for a write that is under way: when it fails, there is something to count again. */
  async function endWindow(key: string, entry: Counted<T>): Promise<void> {
    await entry.writing
    if (entry.times === 0) return void counted.delete(key)
    entry.writing = write(entry)
    startWindow(key, entry)
  }

  return {
    async record(refused: T): Promise<void> {
      const key = keyOf(refused)
      const known = counted.get(key)
      if (known) {
        known.refused = refused
        known.times++
        return
      }
      const entry: Counted<T> = { refused, times: 1, timer: null, writing: Promise.resolve() }
      if (counted.size < maxKeys) {
        counted.set(key, entry)
        startWindow(key, entry)
      }
      entry.writing = write(entry)
      await entry.writing
    },
    /** How many kinds of refusals are being counted. */
    counting: () => counted.size,
    async close(): Promise<void> {
      for (const { timer } of counted.values()) if (timer) clearTimeout(timer)
      await Promise.all(
        [...counted.values()].map(async (entry) => {
          await entry.writing
          await write(entry)
        }),
      )
      counted.clear()
    },
  }
}
