import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { describeIssue, sentenceOf } from '../../../api/issues.ts'

function told(schema: z.ZodType, value: unknown): string | null {
  const parsed = schema.safeParse(value, { error: describeIssue })
  return parsed.success ? null : sentenceOf(parsed.error.issues, 'the body')
}

const rows: [z.ZodType, unknown, string][] = [
  [z.string(), undefined, 'the body: is missing'],
  [z.string(), 5, 'the body: must be text'],
  [z.int(), 1.5, 'the body: must be a whole number'],
  [z.boolean(), 'yes', 'the body: must be true or false'],
  [z.array(z.int()), {}, 'the body: must be a list'],
  [z.array(z.int()), [1, 'x'], '1: must be a number'],
  [z.string().min(1), '', 'the body: must be at least 1 character'],
  [z.string().max(3), 'four', 'the body: must be at most 3 characters'],
  [z.array(z.int()).min(2), [1], 'the body: must have at least 2 entries'],
  [z.int().min(1), 0, 'the body: must be at least 1'],
  [z.number().gt(0), 0, 'the body: must be more than 0'],
  [z.literal('on'), 'off', 'the body: must be on'],
  [z.enum(['a', 'b']), 'c', 'the body: must be one of a, b'],
  [z.email(), 'nobody', 'the body: must be an e-mail address'],
  [z.url(), 'nowhere', 'the body: must be an http or https address'],
  [z.iso.datetime(), 'now', 'the body: must be a time such as 2026-01-31T12:00:00Z'],
  [z.string().startsWith('/'), 'x', 'the body: must start with "/"'],
  [z.string().regex(/^a+$/), 'b', 'the body: must be of the form /^a+$/'],
  [z.string().min(2, 'Say more.'), 'a', 'the body: Say more.'],
  [z.strictObject({}), { extra: 1 }, 'extra: there is no such field'],
  [
    z.strictObject({ at: z.strictObject({ x: z.int() }) }),
    { at: { x: 'a', y: 1 } },
    'at.x: must be a number · at.y: there is no such field',
  ],
]
test.each(rows.map(([schema, value, sentence]) => ({ schema, value, sentence })))(
  '$sentence',
  ({ schema, value, sentence }) => {
    expect(told(schema, value)).toBe(sentence)
  },
)

describe('of a union, what is wrong with the form that was meant', () => {
  const byName = z.strictObject({ name: z.string(), size: z.int() })
  const byId = z.strictObject({ id: z.string() })
  const typed = z.union([
    z.strictObject({ type: z.literal('a'), x: z.int(), y: z.int() }),
    z.strictObject({ type: z.literal('b'), z: z.int() }),
  ])
  test.each<[string, z.ZodType, unknown, string]>([
    ['fewer problems', z.union([byName, byId]), { id: 5 }, 'id: must be text'],
    ['in any order', z.union([byId, byName]), { name: 'n', size: 'x' }, 'size: must be a number'],
    ['the same constant, though more is wrong', typed, { type: 'a' }, 'x: is missing · y: is missing'],
    ['the same kind of value', z.union([z.string(), byName]), { name: 'n' }, 'size: is missing'],
    ['inside another value', z.strictObject({ by: z.union([byName, byId]) }), { by: { id: 5 } }, 'by.id: must be text'],
    [
      'a union in a union',
      z.strictObject({ by: z.union([z.strictObject({ of: z.union([byName, byId]) }), byId]) }),
      { by: { of: { id: 5 } } },
      'by.of.id: must be text',
    ],
    ['neither', z.union([z.string(), z.int()]), null, 'the body: must be text'],
    [
      'an unknown tag',
      z.discriminatedUnion('type', [z.object({ type: z.literal('a') }), z.object({ type: z.literal('b') })]),
      { type: 'c' },
      'type: must be one of a, b',
    ],
  ])('%s', (_what, schema, value, sentence) => {
    expect(told(schema, value)).toBe(sentence)
  })
})

test('a sentence stays short whatever was sent', () => {
  const value = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`${at}-${'x'.repeat(10_000)}`, 1]))
  expect(told(z.strictObject({}), value)?.length).toBeLessThan(1000)
})
