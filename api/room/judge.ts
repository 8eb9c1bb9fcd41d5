/** Whether the disks still have room for what sandboxes do. Pure: measuring is in measure.ts. */
import { type Holding, sized } from '../contract/health.ts'

const GIB = 1_073_741_824
const LEAST_RESERVE_BYTES = 2 * GIB
const MOST_RESERVE_BYTES = 10 * GIB
/** A disk of a few hundred MB has a use for the rest of it. */
const MOST_RESERVE_SHARE = 1 / 4
/**
 * Low is a little before the reserve: recordings may be written down to it (gauge.ts), and must find that the disk is low
 * before they have to wait without a word.
 */
const LOW_AT_RESERVES = 17 / 16
/** Work begins again, and workspaces are given away, only where this many reserves are left: or it would flap. */
const ENOUGH_RESERVES = 1.25

/** One file system that holds something of Backlot. */
export interface Disk {
  holds: readonly Holding[]
  totalBytes: number
  /** What an ordinary user may still take. */
  freeBytes: number
  /** Of that, what sparse files of ours may still grow by: it is given away already. */
  promisedBytes: number
}

export interface JudgedDisk extends Disk {
  /** Kept for what people do: stops, refusals, sign-in. */
  reserveBytes: number
}

export interface Room {
  /** Nothing that a sandbox causes may be written any more. */
  low: boolean
  disks: readonly JudgedDisk[]
  /** For people: what is the matter and what to do. Null while there is room. */
  words: string | null
}

/** `wanted`: what the operator asked for; null: 5 % of the disk, from 2 to 10 GiB. Never more than a quarter of it. */
export function reserveOf(totalBytes: number, wanted: number | null): number {
  const usual = Math.min(Math.max(totalBytes / 20, LEAST_RESERVE_BYTES), MOST_RESERVE_BYTES)
  return Math.floor(Math.min(wanted ?? usual, totalBytes * MOST_RESERVE_SHARE))
}

export const availableBytes = ({ freeBytes, promisedBytes }: Disk) => freeBytes - promisedBytes

/** What has to be left after something large is given away. */
export const enoughBytes = (reserveBytes: number) => Math.ceil(reserveBytes * ENOUGH_RESERVES)

/**
 * Low as soon as one disk comes near its reserve; and then until each has enough again.
 *
 * @param measured null: it could not be read, so nobody knows that there is room.
 */
export function judgeRoom(measured: readonly Disk[] | null, wanted: number | null, wasLow: boolean): Room {
  if (measured === null || measured.length === 0) return { low: true, disks: [], words: UNREADABLE }
  const disks = measured.map((disk) => ({ ...disk, reserveBytes: reserveOf(disk.totalBytes, wanted) }))
  const short = disks.filter((disk) => availableBytes(disk) < leastOf(disk, wasLow))
  const [worst] = short.sort((one, other) => marginOf(one) - marginOf(other))
  return { low: worst !== undefined, disks, words: worst ? wordsFor(worst) : null }
}

const leastOf = ({ reserveBytes }: JudgedDisk, wasLow: boolean) =>
  wasLow ? enoughBytes(reserveBytes) : reserveBytes * LOW_AT_RESERVES
const marginOf = (disk: JudgedDisk) => availableBytes(disk) - disk.reserveBytes

const NOTHING_NEW = 'Until then nothing new is started and nothing leaves a sandbox; what people do goes on.'
const UNREADABLE = `The disk cannot be read, so it counts as full. Ask your admin to look at it. ${NOTHING_NEW}`

function wordsFor(disk: JudgedDisk): string {
  const { freeBytes, promisedBytes, reserveBytes } = disk
  const promised = promisedBytes > 0 ? `, ${sized(promisedBytes)} of it promised to workspaces` : ''
  const needed = sized(enoughBytes(reserveBytes))
  return `The disk is nearly full: ${sized(freeBytes)} free${promised}, and ${needed} must be left for stops, sign-in and the log. Delete prototypes, or ask your admin to add disk. ${NOTHING_NEW}`
}
