/** The scan against JSON.parse: what both see must be the same, or a request could mean two things. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { scanKeys } from '../../../../api/gateway/models/wire/scan-keys.ts'

const record = z.record(z.string(), z.unknown())

/** What JSON.parse makes of a text, when that is an object. */
function parseObject(text: string): Record<string, unknown> | null {
  try {
    const read = record.safeParse(JSON.parse(text))
    return read.success ? read.data : null
  } catch {
    return null
  }
}

interface Keys {
  /** Of the outermost object, in their order. */
  top: string[]
  /** Whether a key stands twice in any object. */
  repeated: boolean
}

/** A second reader, as simple as can be, of texts that JSON.parse takes. */
function readKeys(text: string): Keys {
  const all: string[][] = []
  const open: (string[] | null)[] = []
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs) ?? []
  for (const [index, token] of tokens.entries()) {
    if (token === '{') {
      const keys: string[] = []
      all.push(keys)
      open.push(keys)
    } else if (token === '[') open.push(null)
    else if (token === '}' || token === ']') open.pop()
    else if (tokens[index + 1] === ':') open.at(-1)?.push(z.string().parse(JSON.parse(token)))
  }
  return { top: all[0] ?? [], repeated: all.some((keys) => new Set(keys).size < keys.length) }
}

/** What is refused at the top besides repetitions: names that some reader could take for another. */
const isPlain = (keys: string[]) =>
  new Set(keys.map((key) => key.toLowerCase())).size === keys.length &&
  keys.every((key) => /^[\x20-\x7e]{0,100}$/.test(key) && (key.toLowerCase() !== 'model' || key === 'model'))

type Node = string | { list: Node[] } | { object: [string, Node][] }

/** A string as JSON in one of its many spellings. */
const spelled = (characters: fc.Arbitrary<string>) =>
  fc.array(fc.tuple(characters, fc.boolean()), { maxLength: 5 }).map(
    (parts) =>
      `"${parts
        .map(([character, escaped]) => {
          if (!escaped) return JSON.stringify(character).slice(1, -1)
          return [...Array(character.length).keys()]
            .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
            .join('')
        })
        .join('')}"`,
  )
/** Few characters, so that names meet often; and those that a scan could stumble over. */
const key = fc.oneof(
  spelled(fc.constantFrom('a', 'b', 'A', '"', '\\', '{', ':', ',', 'é', 'ſ')),
  fc.constantFrom('"model"', '"mod\\u0065l"', '"Model"', '"__proto__"', '""'),
)
const leaf = fc.oneof(
  spelled(fc.constantFrom('x', '"', '\\', '}', ']', ',', '\u2028', '😀', '"model"', '\n')),
  fc.constantFrom('1', '-0.5e+3', 'true', 'null', '"model"', '"backlot/default"'),
)
const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.record({ list: fc.array(tie('node'), { maxLength: 4 }) }),
    fc.record({ object: fc.array(fc.tuple(key, tie('node')), { maxLength: 4 }) }),
  ),
}))
const text = fc
  .tuple(fc.array(fc.tuple(key, node), { maxLength: 5 }), fc.constantFrom('', ' ', '\n\t'))
  .map(([object, space]) => write({ object }, space))

function write(it: Node, space: string): string {
  if (typeof it === 'string') return it
  const [open, inner, close] =
    'list' in it
      ? ['[', it.list.map((each) => write(each, space)), ']']
      : ['{', it.object.map(([name, value]) => `${name}${space}:${space}${write(value, space)}`), '}']
  return `${space}${open}${space}${inner.join(`${space},${space}`)}${space}${close}${space}`
}

/** The same verdict as of the two readers above, and the same model. */
function compare(given: string): void {
  const parsed = parseObject(given)
  const scan = scanKeys(given)
  if (parsed === null) return
  const { top, repeated } = readKeys(given)
  if (repeated || !isPlain(top)) {
    expect(scan).toMatchObject({ status: 400, reason: 'body-invalid' })
    return
  }
  if ('status' in scan) throw new Error(`refused: ${scan.message}`)
  if (typeof parsed.model !== 'string') return
  if (!scan.model) throw new Error('the model was not found')
  expect(JSON.parse(given.slice(scan.model.start, scan.model.end))).toBe(parsed.model)
}

describe('the scan of keys and JSON.parse', () => {
  test('see the same keys and the same model in whatever is an object; a repeated key is refused wherever it is', () => {
    fc.assert(fc.property(text, compare), { numRuns: 5000 })
  })

  test('and so in a text with one character more or less, as long as it parses', () => {
    const change = fc.tuple(
      fc.nat(),
      fc.constantFrom('', '"', '\\', '{', '}', '[', ']', ',', ':', ' ', 'a'),
      fc.boolean(),
    )
    fc.assert(
      fc.property(text, fc.array(change, { minLength: 1, maxLength: 2 }), (given, changes) => {
        let changed = given
        for (const [place, character, removes] of changes) {
          const at = place % (changed.length + 1)
          changed = changed.slice(0, at) + character + changed.slice(removes ? at + 1 : at)
        }
        compare(changed)
      }),
      { numRuns: 10_000 },
    )
  })

  test.each([
    ['{"a":1,"a":1}', true],
    ['{"a":1,"\\u0061":1}', true],
    ['{"x":[{"a":1},{"a":1}]}', false],
    ['{"x":{"a":{"b":1,"b":2}}}', true],
    ['{"x":{"a":1,"A":1}}', false],
    ['{"a":"a","b":"a"}', false],
    ['{"a\\"":1,"a":{"a\\"":1}}', false],
    ['{"x":["a","a"]}', false],
  ])('%s: repeated %s', (given, repeated) => {
    expect(readKeys(given).repeated).toBe(repeated)
    expect('status' in scanKeys(given)).toBe(repeated)
  })
})
