import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRetained } from '../../../sandbox-images/porter/terminals/retained.ts'

const readAll = (retained: ReturnType<typeof createRetained>, from: number) => {
  const pieces: Buffer[] = []
  for (let offset = from; offset < retained.end; offset += pieces.at(-1)?.length ?? 1) pieces.push(retained.at(offset))
  return Buffer.concat(pieces)
}

test('whatever is appended and released, what is left reads back as it was written', () => {
  const step = fc.record({
    bytes: fc.integer({ min: 0, max: 40_000 }),
    release: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const retained = createRetained()
      let whole = Buffer.alloc(0)
      let released = 0
      for (const { bytes, release } of steps) {
        const piece = Buffer.from(Array.from({ length: bytes }, (_, index) => (whole.length + index) % 251))
        whole = Buffer.concat([whole, piece])
        retained.append(piece)
        released = Math.max(released, Math.floor(whole.length * release))
        retained.release(released)
        expect([retained.oldest, retained.end]).toEqual([released, whole.length])
        expect(readAll(retained, released).equals(whole.subarray(released))).toBe(true)
      }
    }),
    { numRuns: 50 },
  )
})

test('nothing is given before the oldest byte or after the last', () => {
  const retained = createRetained()
  retained.append(Buffer.alloc(50_000))
  retained.release(40_000)
  expect([retained.at(39_999).length, retained.at(50_000).length]).toEqual([0, 0])
})
