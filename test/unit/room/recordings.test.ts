import { describe, expect, test } from 'vitest'
import { leftFor, recordingLimitsOf } from '../../../api/room/recordings.ts'

const GIB = 2 ** 30
const usual = { personBytes: null, allBytes: null, keptDays: 90 }

describe('how much may be recorded', () => {
  test.each([
    ['a quarter of the disk, 5 GiB a person', 200 * GIB, usual, 50 * GIB, 5 * GIB],
    ['of a small disk, half of that a person', 8 * GIB, usual, 2 * GIB, GIB],
    ['what the operator wants', 200 * GIB, { ...usual, personBytes: 7 * GIB, allBytes: 9 * GIB }, 9 * GIB, 7 * GIB],
  ])('%s', (_what, disk, wanted, allBytes, personBytes) => {
    expect(recordingLimitsOf(disk, wanted)).toEqual({ allBytes, personBytes, keptDays: 90 })
  })

  const limits = { personBytes: 100, allBytes: 1000, keptDays: 30 }
  test.each([
    ['nothing yet', { personBytes: 0, allBytes: 0 }, 100, 'your terminals'],
    ['some', { personBytes: 40, allBytes: 900 }, 60, 'your terminals'],
    ['others took it', { personBytes: 0, allBytes: 990 }, 10, 'All recordings together'],
    ['more than it', { personBytes: 130, allBytes: 500 }, -30, 'your terminals'],
  ])('%s', (_what, used, bytes, says) => {
    const left = leftFor(limits, used)
    expect(left.bytes).toBe(bytes)
    expect(left.words).toContain(says)
    expect(left.words).toContain('30 days')
  })
})
