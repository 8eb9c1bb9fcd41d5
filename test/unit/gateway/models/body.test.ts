import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readRequest } from '../../../../api/gateway/models/wire/body.ts'
import { observeUsage } from '../../../../api/gateway/models/wire/usage.ts'

/** Plain ASCII names that no reader could take for `model` or for each other. */
const name = fc.string({ unit: fc.constantFrom(...'abcdefgh_'), minLength: 1, maxLength: 6 })
const fields = fc.dictionary(name, fc.jsonValue({ maxDepth: 4 }), { maxKeys: 6 })
const spaces = fc.constantFrom(undefined, 1, '\t')

describe('reading a request', () => {
  test("whatever it holds, another model stands in the model's place and nothing else changes", () => {
    fc.assert(
      fc.property(
        fields,
        fields,
        fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }),
        spaces,
        (before, after, model, space) => {
          fc.pre(Object.keys(after).every((key) => !(key in before)))
          const given = { ...before, model, ...after }
          const read = readRequest(Buffer.from(JSON.stringify(given, null, space)))
          if ('status' in read) throw new Error(read.message)
          const expected = JSON.stringify({ ...given, model: 'a"b\\c/é' })
          expect(JSON.stringify(JSON.parse(read.withModel('a"b\\c/é')))).toBe(expected)
        },
      ),
    )
  })
  test('whatever the bytes, it answers: a request or a refusal', () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      '\\',
      ',',
      ':',
      '"model"',
      '"a"',
      '"\\u006dodel"',
      '1',
      ' ',
      '\n',
      'null',
      'é',
      '\0',
    )
    fc.assert(
      fc.property(fc.array(token, { maxLength: 60 }), (tokens) => {
        const read = readRequest(Buffer.from(tokens.join('')))
        if ('status' in read) expect(read.status).toBe(400)
        else expect(JSON.parse(read.withModel('x'))).toHaveProperty('model', 'x')
      }),
      { numRuns: 2000 },
    )
  })
})

test('however a stream is cut into pieces, the count is the same', () => {
  const stream = Buffer.from(
    'event: a\r\ndata: {"message":{"usage":{"input_tokens":9,"output_tokens":1}}}\r\n\r\n: é\n\ndata: {"usage":{"output_tokens":33}}\n\ndata: [DONE]\n\n',
  )
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: stream.length })), (cuts) => {
      const observer = observeUsage(true)
      const borders = [0, ...cuts.sort((a, b) => a - b), stream.length]
      for (const [index, from] of borders.slice(0, -1).entries())
        observer.see(stream.subarray(from, borders[index + 1]))
      expect(observer.end()).toEqual({ inputTokens: 9, outputTokens: 33 })
    }),
  )
})

test('an answer too long to look at is passed over, not held', () => {
  for (const streaming of [true, false]) {
    const observer = observeUsage(streaming)
    for (let index = 0; index < 100; index++) observer.see(Buffer.alloc(1_048_576, 'x'))
    expect(observer.end()).toEqual({ inputTokens: null, outputTokens: null })
  }
})
