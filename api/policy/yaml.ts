import { isNode, LineCounter, parseDocument, visit } from 'yaml'
import type { PolicyProblem } from '../contract/policy.ts'

/** More than any policy needs; a person has to be able to read it. */
const MAX_BYTES = 262_144

/** What YAML 1.2 section 5.1 does not take and no escape may bring back (NUL is no text for the database), and what turns the reading direction. */
const UNREADABLE = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069]|\p{Cs}/u
const NOT_SHOWN = 'Leave out characters that cannot be shown: a reader would see another policy.'

export type ReadYaml =
  | { ok: true; value: unknown; lineOf: (path: readonly PropertyKey[]) => number | null }
  | { ok: false; problems: PolicyProblem[] }

/**
 * One YAML 1.2 document of plain maps, lists and scalars. Keys that stand twice, anchors, aliases, merge keys, tags and a
 * second document are refused: a reader and the machine must not see two policies.
 */
export function readYaml(text: string): ReadYaml {
  if (Buffer.byteLength(text) > MAX_BYTES) return refused(null, `The file is larger than ${MAX_BYTES / 1024} KiB.`)
  const unreadable = text.search(UNREADABLE)
  if (unreadable >= 0) return refused(text.slice(0, unreadable).split('\n').length, NOT_SHOWN)
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    version: '1.2',
    schema: 'core',
    merge: false,
    uniqueKeys: true,
    strict: true,
    prettyErrors: false,
  })
  const wrong = [...document.errors, ...document.warnings]
  if (wrong.length > 0)
    return {
      ok: false,
      problems: wrong.map(({ pos, message }) => ({ path: '', line: lines.linePos(pos[0]).line, message })),
    }

  const found: PolicyProblem[] = []
  visit(document, {
    Node(_key, node) {
      const odd = node.tag && !node.tag.startsWith('tag:yaml.org,2002:') ? 'a tag' : null
      const anchored = 'anchor' in node && node.anchor ? 'an anchor' : null
      const what = anchored ?? odd
      if (what)
        found.push({
          path: '',
          line: lineAt(node),
          message: `Write it out: ${what} (${'&'}, * or !) is not read here.`,
        })
    },
    Scalar(_key, node) {
      if (typeof node.value === 'string' && UNREADABLE.test(node.value))
        found.push({ path: '', line: lineAt(node), message: NOT_SHOWN })
    },
    Alias(_key, node) {
      found.push({ path: '', line: lineAt(node), message: 'Write it out: an alias (*) is not read here.' })
    },
  })
  function lineAt(node: unknown): number | null {
    return isNode(node) && node.range ? lines.linePos(node.range[0]).line : null
  }
  if (found.length > 0) return { ok: false, problems: found }

  /** The line of the nearest thing on the way to `path` that is there. */
  function lineOf(path: readonly PropertyKey[]): number | null {
    for (let length = path.length; length > 0; length--) {
      const line = lineAt(document.getIn(path.slice(0, length), true))
      if (line !== null) return line
    }
    return null
  }
  return { ok: true, value: document.toJS({ maxAliasCount: 0 }), lineOf }
}

const refused = (line: number | null, message: string): ReadYaml => ({
  ok: false,
  problems: [{ path: '', line, message }],
})
