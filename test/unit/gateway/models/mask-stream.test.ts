import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keyMaskStream } from '../../../../api/gateway/models/wire/mask-stream.ts'

const KEY = 'sk-real-key/1234567890+"abcd'
const BASE64 = Buffer.from(KEY).toString('base64').replace(/=+$/, '')

function passed(pieces: readonly Buffer[]): { text: string; bytes: number } {
  const mask = keyMaskStream(KEY)
  if (!mask) throw new Error('a key of this length is masked')
  const all = Buffer.concat([...pieces.map((piece) => mask.take(piece)), mask.rest()])
  return { text: all.toString(), bytes: all.length }
}
const cutAt = (bytes: Buffer, places: readonly number[]) => {
  const ends = [...places, bytes.length].sort((a, b) => a - b)
  return ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end))
}

describe('a key that a provider echoes does not come down, wherever its answer is cut (L07)', () => {
  test.for([
    ['as it is', KEY],
    ['as base64', BASE64],
    ['as base64 of addresses', Buffer.from(KEY).toString('base64url')],
    ['percent-encoded', encodeURIComponent(KEY)],
    ['as JSON text', JSON.stringify(KEY).slice(1, -1)],
    ['as JSON text with slashes escaped', JSON.stringify(KEY).slice(1, -1).replaceAll('/', '\\/')],
    ['twice in a row', KEY + KEY],
    ['behind its own beginning', `sk-real-ksk-sk-real-key/12345${KEY}`],
  ] as const)('%s', ([_what, echoed]) => {
    const bytes = Buffer.from(`data: {"text":"é ${echoed} ü"}\n\n`)
    for (let at = 0; at <= bytes.length; at++) {
      const { text, bytes: length } = passed(cutAt(bytes, [at]))
      for (const form of [KEY, BASE64, encodeURIComponent(KEY), 'key/1234567890', '1234567890'])
        expect(text.replace('sk-real-ksk-sk-real-key/12345', '')).not.toContain(form)
      expect(text).toMatch(/^data: \{"text":"é .*\*{10,}.* ü"\}\n\n$/)
      // A length that was announced stays true.
      expect(length).toBe(bytes.length)
    }
    expect(passed([...bytes].map((byte) => Buffer.from([byte]))).text).not.toContain('1234567890')
  })

  test('whatever else passes, byte for byte', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.uint8Array(), fc.constantFrom('sk-', 'sk-real-key', KEY.slice(0, -1), KEY.slice(1)))),
        (pieces) => {
          const mask = keyMaskStream(KEY)
          const given = pieces.map((piece) => Buffer.from(piece))
          // Pieces that make the key together are another matter.
          fc.pre(mask !== null && !Buffer.concat(given).includes(KEY))
          const all = Buffer.concat([...given.map((piece) => mask?.take(piece) ?? piece), mask?.rest() ?? Buffer.of()])
          expect(all.equals(Buffer.concat(given))).toBe(true)
        },
      ),
    )
  })

  test('only what may be the beginning of the key is held back', () => {
    const mask = keyMaskStream(KEY)
    expect(mask?.take(Buffer.from('data: 1\n\n')).toString()).toBe('data: 1\n\n')
    expect(mask?.take(Buffer.from('data: sk-re')).toString()).toBe('data: ')
    expect(mask?.take(Buffer.from('d\n\n')).toString()).toBe('sk-red\n\n')
    expect(mask?.take(Buffer.from('sk-')).toString()).toBe('')
    expect(mask?.rest().toString()).toBe('sk-')
  })

  test('what nothing is masked in is the same buffer: no copy', () => {
    const piece = Buffer.alloc(65_536, 'x')
    expect(keyMaskStream(KEY)?.take(piece)).toBe(piece)
  })

  test.for([null, '', 'ollama', 'lm-studio'])('%j is no secret: nothing is looked at', (key) => {
    expect(keyMaskStream(key)).toBeNull()
  })

  test('an answer that is nothing but beginnings of the key takes no time', () => {
    const mask = keyMaskStream(`${'a'.repeat(200)}b`)
    const startedAt = performance.now()
    for (let round = 0; round < 100; round++) mask?.take(Buffer.alloc(65_536, 'a'))
    expect(performance.now() - startedAt).toBeLessThan(3_000)
  })
})
