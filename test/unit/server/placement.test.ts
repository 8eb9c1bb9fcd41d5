import { describe, expect, test } from 'vitest'
import { type Load, leastLoaded } from '../../../api/server/nodes/placement.ts'

const loads = (...each: [instance: number, running: number, all: number][]) =>
  new Map<number, Load>(each.map(([instance, running, all]) => [instance, { running, all }]))

describe('a new sandbox goes to the gateway with the least', () => {
  test.each([
    ['nobody has any', loads(), 3, 0],
    ['one has none', loads([0, 1, 1]), 2, 1],
    ['fewest that run', loads([0, 3, 3], [1, 2, 9], [2, 3, 3]), 3, 1],
    ['of equals that run, the fewest that may be started again', loads([0, 2, 5], [1, 2, 4]), 2, 1],
    ['of equals, the first', loads([0, 2, 2], [1, 1, 1], [2, 1, 1]), 3, 1],
    ['one that is no more is not chosen', loads([0, 7, 7], [3, 0, 0]), 1, 0],
    ['the only one', loads([0, 50, 50]), 1, 0],
  ])('%s', (_what, given, gateways, instance) => {
    expect(leastLoaded(given, gateways)).toBe(instance)
  })

  test('one after the other, they are spread', () => {
    const given = loads()
    const chosen = Array.from({ length: 8 }, () => {
      const instance = leastLoaded(given, 4)
      const { running, all } = given.get(instance) ?? { running: 0, all: 0 }
      given.set(instance, { running: running + 1, all: all + 1 })
      return instance
    })
    expect(chosen).toEqual([0, 1, 2, 3, 0, 1, 2, 3])
  })
})
