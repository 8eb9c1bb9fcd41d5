import { isNode, LineCounter, parseDocument, visit } from 'yaml'
import type { PolicyProblem } from '../contract/policy.ts'

/** More than any policy needs; a person has to be able to read it. */
const MAX_BYTES = 262_144

export type ReadYaml =
  | { ok: true; value: unknown; lineOf: (path: readonly PropertyKey[]) => number | null }
  | { ok: false; problems: PolicyProblem[] }

/**
 * One YAML 1.2 document of plain maps, lists and scalars. Keys that stand twice, anchors, aliases, merge keys, tags and a
 * second document are refused: a reader and the machine must not see two policies.
 */
export function readYaml(text: string): ReadYaml {
  if (Buffer.byteLength(text) > MAX_BYTES) return refused(null, `The file is larger than ${MAX_BYTES / 1024} KiB.`)
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
