import { z } from 'zod'
import { type Refusal, refusal } from './formats.ts'

/** Deeper than any client nests, shallow enough for every later walk to recurse. */
const MAX_DEPTH = 100
/**
 * Every value of a JSON text costs a later reader an object, a copy or a comparison, and all sandboxes share one thread. An
 * agent's longest sessions hold some 20 000; texts and images are one value each, however long.
 */
export const MAX_VALUES = 50_000
/** Characters outside of strings: spaces and digits, which are read one by one. */
const MAX_BARE_CHARACTERS = 4 * 1_048_576
/** Far above what any provider knows at the top: how many fields, and how long a name. */
const MAX_FIELDS = 200
const MAX_FIELD_CHARACTERS = 100
const [QUOTE, COMMA, LIST, BACKSLASH, LIST_END, OBJECT, OBJECT_END] = [34, 44, 91, 92, 93, 123, 125]

interface Span {
  start: number
  end: number
}

interface Scan {
  model: Span | null
  values: number
}

/**
 * Walks the tokens of a JSON text, and refuses what two readers could read differently or what would take long to parse.
 * It need not be valid: the real parser comes after and has the last word.
 */
export function scanKeys(text: string): Scan | Refusal {
  /** The names of each open object; none yet at 'empty'. */
  const open: (Set<string> | 'empty' | 'list')[] = []
  let model: Span | null = null
  let expectsKey = false
  let awaited = false
  let values = 0
  let bare = 0
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at)
    if (++bare > MAX_BARE_CHARACTERS) return TOO_MANY_VALUES
    if (character === OBJECT || character === LIST || character === COMMA) {
      if (++values > MAX_VALUES) return TOO_MANY_VALUES
      if (character === OBJECT) open.push('empty')
      else if (character === LIST) open.push('list')
      if (open.length > MAX_DEPTH) return invalid(`The request body nests deeper than ${MAX_DEPTH} levels.`)
      const within = open.at(-1)
      expectsKey = within !== undefined && within !== 'list'
    } else if (character === OBJECT_END || character === LIST_END) {
      open.pop()
      expectsKey = false
    } else if (character === QUOTE) {
      const end = stringEnd(text, at)
      if (expectsKey) {
        const key = keyAt(text, at, end)
        const top = open.length === 1
        const folded = top ? key.toLowerCase() : key
        const names = namesOf(open)
        if (names.has(folded)) return invalid(`The field "${key.slice(0, 60)}" appears twice in the request body.`)
        if (top && !isPassedOn(key, folded))
          return invalid(
            `The field "${key.slice(0, 60).replace(/[^\x20-\x7e]/g, '?')}" is not one that Backlot passes on.`,
          )
        if (top && names.size >= MAX_FIELDS) return invalid(`The request body has more than ${MAX_FIELDS} fields.`)
        names.add(folded)
        awaited = top && key === 'model'
      } else if (awaited) {
        model = { start: at, end }
        awaited = false
      }
      expectsKey = false
      at = end - 1
    }
  }
  return { model, values }
}
const TOO_MANY_VALUES = refusal(
  413,
  'body-too-many-values',
  `A model request may hold ${MAX_VALUES} values at most: objects, lists, fields and what is in them. Start a new session, or send data as text.`,
)

/** A set for each of very many objects without a field would cost more than the rest of the reading. */
function namesOf(open: (Set<string> | 'empty' | 'list')[]): Set<string> {
  const names = open.at(-1)
  if (names instanceof Set) return names
  const first = new Set<string>()
  open[open.length - 1] = first
  return first
}

/** Some readers fold case, and a few fold U+017F and U+212A into ASCII: at the top only plain names are let through. */
const isPassedOn = (key: string, folded: string) =>
  key.length <= MAX_FIELD_CHARACTERS && !/[^\x20-\x7e]/.test(key) && (folded !== 'model' || key === 'model')

/** One past the closing quote. Most strings have no escaped quote, and searching is much faster than looking at each character. */
function stringEnd(text: string, start: number): number {
  const quote = text.indexOf('"', start + 1)
  if (quote === -1) return text.length
  if (text.charCodeAt(quote - 1) !== BACKSLASH) return quote + 1
  for (let at = start + 1; at < text.length; at++) {
    const character = text.charCodeAt(at)
    if (character === QUOTE) return at + 1
    if (character === BACKSLASH) at++
  }
  return text.length
}

const jsonString = z.string().catch('')
function keyAt(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end - 1)
  if (!raw.includes('\\')) return raw
  try {
    return jsonString.parse(JSON.parse(text.slice(start, end)))
  } catch {
    return raw
  }
}

export const invalid = (message: string) => refusal(400, 'body-invalid', message)
