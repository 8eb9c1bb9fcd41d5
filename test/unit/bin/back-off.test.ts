import { describe, expect, test } from 'vitest'
import { countDeath, pauseAfter } from '../../../api/bin/launch/children/back-off.ts'

describe('how long a program that died stays away', () => {
  test.each([
    [1, 200],
    [2, 200],
    [3, 400],
    [4, 800],
    [7, 6_400],
    [8, 10_000],
    [10, 10_000],
    [5_000, 10_000],
  ])('after death %i: %i ms', (deaths, pauseMs) => {
    expect(pauseAfter(deaths)).toBe(pauseMs)
  })

  test.each([
    ['the first', 0, 5, 1],
    ['soon after the one before', 3, 59_999, 4],
    ['after it ran well for a minute', 9, 60_000, 1],
  ])('%s', (_what, before, livedMs, deaths) => {
    expect(countDeath(before, livedMs)).toBe(deaths)
  })
})
