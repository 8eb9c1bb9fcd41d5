import { describe, expect, test } from 'vitest'
import { BEAT_MS, beat, born, type Pulse, tick } from '../../../api/bin/launch/children/heartbeat.ts'

/** After how many ticks without an answer it counts as hanging. */
function ticksUntilHanging(from: Pulse): number {
  for (let pulse = from, ticks = 1; ; ticks += 1) {
    const next = tick(pulse)
    if (next.silentMs > 0) return ticks
    pulse = next.pulse
  }
}

describe('a program hangs', () => {
  test('when it has not answered for two seconds, and not a tick earlier', () => {
    const ms = ticksUntilHanging(beat) * BEAT_MS
    expect(ms).toBeGreaterThan(2_000)
    expect(ms).toBeLessThanOrEqual(2_000 + BEAT_MS)
  })

  test('counted from its last answer', () => {
    const late = Array.from({ length: 7 }).reduce<Pulse>((pulse) => tick(pulse).pulse, beat)
    expect(ticksUntilHanging(late)).toBe(ticksUntilHanging(beat) - 7)
    expect(ticksUntilHanging(beat)).toBe(9)
  })

  test('while it starts: only when that takes a minute', () => {
    expect(ticksUntilHanging(born) * BEAT_MS).toBeGreaterThan(60_000)
  })
})
