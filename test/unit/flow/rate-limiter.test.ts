import { describe, expect, test } from 'vitest'
import { createRateLimiter } from '../../../api/flow/rate-limiter.ts'

type Step = { take: number; at: number; gives: boolean } | { reserve: number; at: number; waitMs: number }
const take = (count: number, at: number, gives: boolean): Step => ({ take: count, at, gives })
const reserve = (count: number, at: number, waitMs: number): Step => ({ reserve: count, at, waitMs })

const rows: [string, Step[]][] = [
  ['a burst passes at once', [take(6, 0, true), take(4, 0, true)]],
  ['one more does not', [take(10, 0, true), take(1, 0, false)]],
  ['what does not pass takes nothing', [take(11, 0, false), take(10, 0, true)]],
  ['time fills it again', [take(10, 0, true), take(1, 499, false), take(1, 500, true)]],
  ['but never beyond a burst', [take(10, 0, true), take(11, 3_600_000, false), take(10, 3_600_000, true)]],
  ['a reservation that the burst covers does not wait', [reserve(10, 0, 0)]],
  ['later reservations wait for earlier ones', [take(10, 0, true), reserve(2, 0, 1000), reserve(1, 0, 1500)]],
  ['a reservation ripens', [take(10, 0, true), reserve(2, 0, 1000), reserve(2, 1000, 1000)]],
  ['nothing passes before what is reserved', [reserve(12, 0, 1000), take(1, 999, false), take(1, 1500, true)]],
]

describe('a rate limiter', () => {
  test.each(rows)('%s', (_what, steps) => {
    const clock = { now: 0 }
    const limiter = createRateLimiter({ burst: 10, perSecond: 2 }, () => clock.now)
    for (const step of steps) {
      clock.now = step.at
      if ('take' in step) expect(limiter.take(step.take)).toBe(step.gives)
      else expect(limiter.reserve(step.reserve)).toBeCloseTo(step.waitMs)
    }
  })

  test('lets the burst through at once, and delays what is beyond', async () => {
    const clock = { now: 0 }
    const limiter = createRateLimiter({ burst: 2, perSecond: 1000 }, () => clock.now)
    const order: string[] = []
    const third = Promise.all([limiter.wait(), limiter.wait(), limiter.wait().then(() => order.push('third'))])
    order.push('not yet')
    await third
    expect(order).toEqual(['not yet', 'third'])
    clock.now = 10_000
    const started = performance.now()
    await limiter.wait()
    expect(performance.now() - started).toBeLessThan(400)
  })
})
