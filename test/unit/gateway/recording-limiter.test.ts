import { describe, expect, test } from 'vitest'
import { createRecordingLimiter, USUAL_RATES } from '../../../api/gateway/terminals/limiter.ts'

const limits = { burstBytes: 1000, bytesPerSecond: 100, typedBurstBytes: 500, typedBytesPerSecond: 10, graceBytes: 200 }

type Step =
  | { pass: number; at: number; gives: boolean }
  | { reserve: number; at: number; waitMs: number }
  | { typed: true }
const pass = (bytes: number, at: number, gives: boolean): Step => ({ pass: bytes, at, gives })
const reserve = (bytes: number, at: number, waitMs: number): Step => ({ reserve: bytes, at, waitMs })
const key: Step = { typed: true }

const rows: [string, Step[]][] = [
  ['a burst passes at once', [pass(600, 0, true), pass(400, 0, true)]],
  ['one byte more does not', [pass(1000, 0, true), pass(1, 0, false)]],
  ['what does not pass takes nothing', [pass(1001, 0, false), pass(1000, 0, true)]],
  ['time fills it again', [pass(1000, 0, true), pass(100, 999, false), pass(100, 1000, true)]],
  ['but never beyond a burst', [pass(1000, 0, true), pass(1001, 3_600_000, false), pass(1000, 3_600_000, true)]],
  ['the clock may start anywhere', [pass(1000, 5e9, true), pass(1, 5e9, false)]],
  ['a reservation that the burst covers does not wait', [reserve(1000, 0, 0)]],
  ['later ones wait for earlier ones', [pass(1000, 0, true), reserve(100, 0, 1000), reserve(50, 0, 1500)]],
  ['a reservation ripens', [pass(1000, 0, true), reserve(100, 0, 1000), reserve(100, 1000, 1000)]],
  ['nothing passes before what is reserved', [reserve(1100, 0, 1000), pass(1, 500, false), pass(100, 2000, true)]],
  ['a key lets through what is on its way, once', [pass(1000, 0, true), key, pass(200, 0, true), pass(1, 0, false)]],
  ['in pieces too', [pass(1000, 0, true), key, pass(150, 0, true), pass(51, 0, false), pass(50, 0, true)]],
  ['ten keys are no more than one', [pass(1000, 0, true), key, key, key, pass(200, 0, true), pass(1, 0, false)]],
  [
    'keys have a bucket of their own, and an end',
    [
      pass(1000, 0, true),
      key,
      pass(200, 0, true),
      key,
      pass(200, 0, true),
      key,
      pass(101, 0, false),
      pass(100, 0, true),
    ],
  ],
  ['while the burst lasts a key costs nothing', [key, pass(1000, 0, true), pass(200, 0, true)]],
  ['a key is answered however much is reserved', [reserve(1_000_000, 0, 9_990_000), key, pass(200, 0, true)]],
]

describe('how fast a flood is recorded', () => {
  test.each(rows)('%s', (_what, steps) => {
    const clock = { now: 0 }
    const limiter = createRecordingLimiter(limits, () => clock.now).forTerminal()
    for (const step of steps) {
      if ('at' in step) clock.now = step.at
      if ('typed' in step) limiter.noteKey()
      else if ('pass' in step) expect(limiter.take(step.pass)).toBe(step.gives)
      else expect(limiter.reserve(step.reserve)).toBeCloseTo(step.waitMs)
    }
  })

  test('the terminals of a sandbox share it, but a key is for one', () => {
    const limiter = createRecordingLimiter(limits, () => 0)
    const [flood, other] = [limiter.forTerminal(), limiter.forTerminal()]
    expect(flood.take(1000)).toBe(true)
    flood.noteKey()
    expect(other.take(1)).toBe(false)
    expect(flood.take(1)).toBe(true)
  })
})

test('the usual rates: ordinary work at once, and what cannot be compressed needs more than an hour for the quota', () => {
  const quotaBytes = 536_870_912
  const atOnce = USUAL_RATES.burstBytes + USUAL_RATES.typedBurstBytes
  const perSecond = USUAL_RATES.bytesPerSecond + USUAL_RATES.typedBytesPerSecond
  expect(USUAL_RATES.burstBytes).toBeGreaterThan(2 * 30_000_000)
  expect((quotaBytes - atOnce) / perSecond).toBeGreaterThan(3600)
})
