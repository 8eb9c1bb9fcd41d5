import { setTimeout as delay } from 'node:timers/promises'
import { availableBytes, type Disk, judgeRoom, type Room } from './judge.ts'
import { measureDisks, type Places } from './measure.ts'

/**
 * What may be written between two looks must be far less than the reserve. Events are written at some 15 MB/s at the most
 * (a flood that is recorded one by one); recordings are counted as they are written (`take`); workspaces write only what was
 * promised to them when they were made. So it is 8 MB in this time, and the least reserve of a usual disk is 2 GiB.
 */
const LOOK_EVERY_MS = 500
/** A disk that does not answer for so long counts as one that cannot be read. */
const PATIENCE_MS = 10_000

interface GaugeOptions {
  places: Places
  /** What the operator asked for; null: see reserveOf. */
  reserveBytes: number | null
  measure?: (places: Places) => Promise<readonly Disk[]>
  everyMs?: number
  patienceMs?: number
}

/** Looks at the disks again and again, and says whether there is room. Resolves when it has looked once. */
export async function openGauge(options: GaugeOptions) {
  const { places, reserveBytes, measure = measureDisks, everyMs = LOOK_EVERY_MS, patienceMs = PATIENCE_MS } = options
  const closing = new AbortController()
  const listeners = new Set<(room: Room) => void>()
  const measureInTime = () => inTime(measure(places), patienceMs)
  const first = judgeRoom(await measureInTime(), reserveBytes, false)
  const state: { room: Room; takenBytes: number } = { room: first, takenBytes: 0 }

  async function look(): Promise<void> {
    const takenBefore = state.takenBytes
    const measured = await measureInTime()
    const wasLow = state.room.low
    state.room = judgeRoom(measured, reserveBytes, wasLow)
    // What was taken meanwhile may or may not be in the measurement.
    state.takenBytes -= takenBefore
    if (state.room.low !== wasLow) for (const listener of listeners) listener(state.room)
  }

  async function lookAgainAndAgain(): Promise<void> {
    while (!closing.signal.aborted) {
      await delay(everyMs, undefined, { signal: closing.signal, ref: false }).catch(() => {})
      if (!closing.signal.aborted) await look()
    }
  }

  const looking = lookAgainAndAgain()
  return {
    room: () => state.room,
    isLow: () => state.room.low,
    /** Whether so many bytes may be recorded without touching the reserve. */
    hasRoomFor: (bytes: number) => !state.room.low && spareBytes(state.room) - state.takenBytes >= bytes,
    /** So many bytes were recorded: they count from now on, and not only after the next look. */
    take(bytes: number) {
      state.takenBytes += bytes
    },
    /** Called when the disk becomes low, and when it has room again. */
    onChange(listener: (room: Room) => void): void {
      listeners.add(listener)
    },
    async close() {
      closing.abort()
      await looking
    },
  }
}
export type Gauge = Awaited<ReturnType<typeof openGauge>>

/** Where recordings are written. */
function spareBytes({ disks }: Room): number {
  const disk = disks.find(({ holds }) => holds.includes('recordings'))
  return disk ? availableBytes(disk) - disk.reserveBytes : 0
}

/** Null: it failed, or took too long. */
async function inTime(measuring: Promise<readonly Disk[]>, patienceMs: number): Promise<readonly Disk[] | null> {
  const over = new AbortController()
  const late = delay(patienceMs, null, { signal: over.signal, ref: false }).catch(() => null)
  const measured = await Promise.race([measuring.catch(() => null), late])
  over.abort()
  return measured
}
