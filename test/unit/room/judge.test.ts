import { describe, expect, test } from 'vitest'
import { type Disk, judgeRoom, reserveOf } from '../../../api/room/judge.ts'

const GIB = 2 ** 30
const MIB = 2 ** 20

describe('what is kept of a disk', () => {
  test.each([
    ['a usual one: 5 %', 100 * GIB, null, 5 * GIB],
    ['a smaller one: at least 2 GiB', 20 * GIB, null, 2 * GIB],
    ['a large one: at most 10 GiB', 4000 * GIB, null, 10 * GIB],
    ['a very small one: a quarter', 400 * MIB, null, 100 * MIB],
    ['what the operator wants', 100 * GIB, 20 * GIB, 20 * GIB],
    ['and no more than a quarter of it', 100 * GIB, 90 * GIB, 25 * GIB],
    ['little, where the operator wants little', 100 * GIB, 64 * MIB, 64 * MIB],
  ])('%s', (_what, total, wanted, kept) => {
    expect(reserveOf(total, wanted)).toBe(kept)
  })
})

/** 100 GiB, so 5 are kept; low is below 5.3125, and 6.25 are enough to begin again. */
const disk = (freeGiB: number, promisedGiB = 0): Disk => ({
  holds: ['database', 'recordings', 'workspaces'],
  totalBytes: 100 * GIB,
  freeBytes: Math.round(freeGiB * GIB),
  promisedBytes: promisedGiB * GIB,
})
const recordings = (freeGiB: number): Disk => ({ ...disk(freeGiB), holds: ['recordings'] })

describe('whether the disk is low', () => {
  const rows: { what: string; disks: Disk[] | null; wasLow?: boolean; low: boolean; says?: string }[] = [
    { what: 'the reserve and a little', disks: [disk(5.3125)], low: false },
    { what: 'a byte less', disks: [disk(5.3125 - 1 / GIB)], low: true, says: '5.3 GiB free' },
    { what: 'it is promised', disks: [disk(50, 46)], low: true, says: '46.0 GiB of it promised to workspaces' },
    { what: 'more is promised than there is', disks: [disk(50, 60)], low: true },
    { what: 'after it was low: that is not enough', disks: [disk(5.3125)], wasLow: true, low: true },
    {
      what: 'after it was low: nearly enough',
      disks: [disk(6.24)],
      wasLow: true,
      low: true,
      says: '6.3 GiB must be left',
    },
    { what: 'after it was low: enough', disks: [disk(6.25)], wasLow: true, low: false },
    { what: 'one of two is low', disks: [disk(50), recordings(1)], low: true, says: '1.0 GiB free' },
    { what: 'both have room', disks: [disk(50), recordings(6)], low: false },
    { what: 'nothing can be read', disks: null, low: true, says: 'cannot be read' },
    { what: 'there is no disk at all', disks: [], low: true, says: 'cannot be read' },
  ]
  test.each(rows)('$what → $low', ({ disks, wasLow = false, low, says }) => {
    const room = judgeRoom(disks, null, wasLow)
    expect(room.low).toBe(low)
    if (says !== undefined) expect(room.words).toContain(says)
    if (!low) expect(room.words).toBeNull()
  })
})
