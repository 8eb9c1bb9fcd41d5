import { type Document, isNode, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml'
import type { PolicyProblem } from '../../contract/policy.ts'
import { firstInvisible } from '../../contract/text.ts'

/** More than any policy needs; a person has to be able to read it. */
const MAX_BYTES = 262_144
/** Nobody reads more at once. The rest is reported when these are corrected. */
export const MAX_PROBLEMS = 50
/** Of a key that somebody wrote. */
export const MAX_SHOWN = 100

/** What YAML 1.2 section 5.1 does not take and no escape may bring back (NUL is no text for the database). */
const UNREADABLE = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]|\p{Cs}/u
/** Where the first character is that a reader would not see; -1 when there is none. */
const firstUnreadable = (text: string) =>
  [text.search(UNREADABLE), firstInvisible(text)].reduce((one, other) =>
    one < 0 || (other >= 0 && other < one) ? other : one,
  )
const NOT_SHOWN = 'Leave out characters that cannot be shown: a reader would see another policy.'

export type ReadYaml =
  | { ok: true; value: unknown; lineOf: (path: readonly PropertyKey[]) => number | null }
  | { ok: false; problems: PolicyProblem[] }

/**
 * One YAML 1.2 document of plain maps, lists and scalars. Keys that occur twice, anchors, aliases, merge keys, tags and a
 * second document are refused: a reader and the machine must not see two policies.
 */
export function readYaml(text: string): ReadYaml {
  if (Buffer.byteLength(text) > MAX_BYTES) return refused(null, `The file is larger than ${MAX_BYTES / 1024} KiB.`)
  // A byte order mark may begin a file (YAML 1.2, section 5.2).
  const unreadable = firstUnreadable(text.replace(/^\ufeff/, ''))
  if (unreadable >= 0) return refused(text.slice(0, unreadable).split('\n').length, NOT_SHOWN)
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    version: '1.2',
    schema: 'core',
    merge: false,
    // Checked below: the library's own check is quadratic, and takes 1 and "1" for two keys.
    uniqueKeys: false,
    strict: true,
    prettyErrors: false,
  })
  const wrong = [...document.errors, ...document.warnings]
  if (wrong.length > 0)
    return {
      ok: false,
      problems: wrong
        .slice(0, MAX_PROBLEMS)
        .map(({ pos, message }) => ({ path: '', line: lines.linePos(pos[0]).line, message: message.slice(0, 300) })),
    }

  const found = forbiddenIn(document, lines)
  if (found.length > 0) return { ok: false, problems: found.slice(0, MAX_PROBLEMS) }

  /** The line of the nearest thing on the way to `path` that is there. */
  function lineOf(path: readonly PropertyKey[]): number | null {
    for (let length = path.length; length > 0; length--) {
      const line = lineAt(document.getIn(path.slice(0, length), true), lines)
      if (line !== null) return line
    }
    return null
  }
  return { ok: true, value: document.toJS({ maxAliasCount: 0 }), lineOf }
}

/** What YAML has and is not read here. Stops when there are more problems than are reported at once. */
function forbiddenIn(document: Document, lines: LineCounter): PolicyProblem[] {
  const found: PolicyProblem[] = []
  const refuse = (node: unknown, message: string) => void found.push({ path: '', line: lineAt(node, lines), message })
  const enough = () => (found.length >= MAX_PROBLEMS ? visit.BREAK : undefined)
  // A visitor for one kind of node replaces the one for `Node` there: each looks at everything.
  visit(document, {
    Alias(_key, node) {
      refuse(node, 'Write it out: an alias (*) is not read here.')
      return enough()
    },
    Map(_key, node) {
      refuseMarks(node)
      const seen = new Set<string>()
      for (const { key } of node.items) {
        const name = isScalar(key) ? String(key.value) : null
        if (name === null) refuse(node, 'A key is a plain word here, not a list or a map.')
        else if (seen.has(name)) refuse(key, `The key "${name.slice(0, MAX_SHOWN)}" occurs twice: keys must be unique.`)
        else seen.add(name)
      }
      return enough()
    },
    Seq(_key, node) {
      refuseMarks(node)
      return enough()
    },
    Scalar(_key, node) {
      refuseMarks(node)
      if (typeof node.value === 'string' && firstUnreadable(node.value) >= 0) refuse(node, NOT_SHOWN)
      return enough()
    },
  })
  function refuseMarks(node: Node): void {
    const odd = node.tag && !node.tag.startsWith('tag:yaml.org,2002:') ? 'a tag' : null
    const what = 'anchor' in node && node.anchor ? 'an anchor' : odd
    if (what) refuse(node, `Write it out: ${what} (&, * or !) is not read here.`)
  }
  return found
}

function lineAt(node: unknown, lines: LineCounter): number | null {
  return isNode(node) && node.range ? lines.linePos(node.range[0]).line : null
}

const refused = (line: number | null, message: string): ReadYaml => ({
  ok: false,
  problems: [{ path: '', line, message }],
})
