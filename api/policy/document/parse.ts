import type { z } from 'zod'
import { type PolicyDocument, type PolicyProblem, policyDocument } from '../../contract/policy.ts'
import { type FieldProblem, plainIssues } from '../../issues.ts'
import { MAX_PROBLEMS, MAX_SHOWN, type ReadYaml, readYaml } from './yaml.ts'

/**
 * Fields that the design has and this version cannot keep. Refusing them by name, rather than as unknown, tells the reader
 * that the word is right and the promise is not there yet (law 3). Keys are paths without list positions.
 */
const NOT_ENFORCED = new Map(
  Object.entries({
    version: 'Versions are counted when a policy is published. Take this line out.',
    budgets: notYet('Spending limits are'),
    data: notYet('Data rules are'),
    capture: notYet('Choosing what is recorded is'),
    rules: notYet('Custom rules are'),
    extends: notYet('Layers are'),
    observe: notYet('Observe mode is'),
    'sandbox.idle': notYet('Stopping idle sandboxes is'),
    'sandbox.lifetime': notYet('Ending old sandboxes is'),
    'egress.credential': notYet('Putting credentials in is'),
    'egress.observe': notYet('Observe mode is'),
    'egress.inspect': notYet('Looking into TLS is'),
    'egress.opaque': 'Write `unsafeOpaque: true`: what goes through such a tunnel is not seen, and the name says so.',
  }),
)
function notYet(what: string) {
  return `${what} not enforced by this version, so the field is refused rather than ignored. Take it out.`
}

export type Parsed<T> =
  | { ok: true; value: T; lineOf: (path: readonly PropertyKey[]) => number | null }
  | { ok: false; problems: PolicyProblem[] }

/** A policy's YAML → its document with defaults filled in, or everything that is wrong with its form. Reads nothing else. */
export const parsePolicy = (yaml: string): Parsed<PolicyDocument> => parseAs(policyDocument, yaml)

/** Any of the documents that people write here. */
export function parseAs<T>(schema: z.ZodType<T>, yaml: string): Parsed<T> {
  const read = readYaml(yaml)
  if (!read.ok) return read
  const parsed = schema.safeParse(read.value)
  return parsed.success
    ? { ok: true, value: parsed.data, lineOf: read.lineOf }
    : { ok: false, problems: problemsOf(parsed.error.issues, read) }
}

/** Issues of a schema as sentences with places. */
function problemsOf(
  issues: readonly z.core.$ZodIssue[],
  { lineOf, value }: Extract<ReadYaml, { ok: true }>,
): PolicyProblem[] {
  return plainIssues(issues, (branches, path) => meantBranch(branches, at(value, path)))
    .flatMap(translate)
    .slice(0, MAX_PROBLEMS)
    .map(({ path, message }) => ({ path: written(path), line: lineOf(path), message }))

  function translate(issue: z.core.$ZodIssue): FieldProblem[] {
    const { path } = issue
    if (issue.code === 'unrecognized_keys')
      return issue.keys.slice(0, MAX_PROBLEMS).map((key) => ({
        path: [...path, key],
        message: NOT_ENFORCED.get(plain([...path, key])) ?? `There is no such field.${spelled(key)}`,
      }))
    if (plain(path) === 'egress.protocol')
      return [
        {
          path,
          message: 'This version enforces the protocols tls and http only. Others are refused rather than ignored.',
        },
      ]
    return [{ path, message: at(value, path) === undefined ? 'This field is missing.' : issue.message }]
  }
}

/** An egress entry is a `use` or a rule, and a model target is one text: only what is wrong with the one that was meant is told. */
function meantBranch(branches: readonly z.core.$ZodIssue[][], given: unknown): readonly z.core.$ZodIssue[] {
  const [first = [], second = []] = branches
  if (given !== null && typeof given === 'object' && branches.length === 2)
    return 'use' in given || 'registry' in given ? first : second
  return branches.at(-1) ?? []
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  let found = value
  for (const key of path) found = found !== null && typeof found === 'object' ? Reflect.get(found, key) : undefined
  return found
}

/** `egress[2].host`. */
export const written = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : text ? `${text}.${shown(key)}` : shown(key)),
    '',
  )
const shown = (key: PropertyKey) => String(key).slice(0, MAX_SHOWN)
const plain = (path: readonly PropertyKey[]) => path.filter((key) => typeof key !== 'number').join('.')

const FIELDS = [
  ...[
    'policy',
    'description',
    'tools',
    'sandbox',
    'egress',
    'models',
    'allow',
    'workspaceExec',
    'runtime',
    'cpus',
    'memory',
  ],
  ...['disk', 'pids', 'perPerson', 'use', 'host', 'ports', 'protocol', 'methods', 'paths', 'unsafeOpaque', 'addresses'],
  ...['unsafeSharedHost', 'expires', 'default', 'labels', 'cloud', 'local', 'unsafeUnlimited'],
]
function spelled(key: string): string {
  if (key.length > MAX_SHOWN) return ''
  const near = FIELDS.find(
    (field) =>
      field !== key &&
      (field.startsWith(key) || key.startsWith(field) || distance(field.toLowerCase(), key.toLowerCase()) <= 2),
  )
  return near ? ` Did you mean \`${near}\`?` : ''
}

/** Levenshtein's, for short words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, x] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, y] of [...b].entries())
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (x === y ? 0 : 1)))
    row = next
  }
  return row.at(-1) ?? 0
}
