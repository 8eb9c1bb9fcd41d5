/** What a schema found wrong, in words for whoever sent it. Every answer that refuses a value takes them from here. */
import type { z } from 'zod'

type Issue = z.core.$ZodIssue
export interface FieldProblem {
  path: PropertyKey[]
  message: string
}

/** At most so many problems in one sentence, and so much of what was sent in each. */
const MOST_TOLD = 5
const LONGEST_SHOWN = 100

/** Give it to each parse: `schema.safeParse(value, { error: describeIssue })`. A message of the schema's own wins over it. */
export const describeIssue: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `must be ${KINDS[issue.expected] ?? issue.expected}`
    case 'invalid_value':
      return `must be ${alternatives(issue.values)}`
    case 'invalid_union':
      return issue.errors.length === 0 && Array.isArray(issue.options)
        ? `must be ${alternatives(issue.options)}`
        : 'fits none of the forms that it may have'
    case 'too_small':
      return bound(issue.origin, Number(issue.minimum), issue.inclusive === false ? 'more than' : 'at least')
    case 'too_big':
      return bound(issue.origin, Number(issue.maximum), issue.inclusive === false ? 'less than' : 'at most')
    case 'invalid_format':
      return formatWords(issue)
    case 'unrecognized_keys':
      return 'there is no such field'
    default:
      return undefined
  }
}

function formatWords({ format, pattern, prefix }: { format: string; pattern?: unknown; prefix?: unknown }) {
  if (prefix !== undefined) return `must start with "${prefix}"`
  const form = FORMATS[format] ?? (pattern === undefined ? null : `of the form ${pattern}`)
  return form ? `must be ${form}` : undefined
}

const KINDS: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
}
const FORMATS: Record<string, string> = {
  email: 'an e-mail address',
  url: 'an http or https address',
  datetime: 'a time such as 2026-01-31T12:00:00Z',
  date: 'a day such as 2026-01-31',
}

function bound(origin: string, count: number, words: string): string {
  if (origin === 'string') return `must be ${words} ${counted(count, 'character')}`
  if (origin === 'array' || origin === 'set') return `must have ${words} ${counted(count, 'entry', 'entries')}`
  return `must be ${words} ${count}`
}
const counted = (count: number, one: string, many = `${one}s`) => `${count} ${count === 1 ? one : many}`

function alternatives(values: readonly unknown[]): string {
  const shown = values.map((value) => (typeof value === 'string' ? value : String(value)))
  return shown.length === 1 ? `${shown[0]}` : `one of ${shown.join(', ')}`
}

/**
 * Every issue with its whole path. Of a union only what is wrong with the branch that was meant is told: `meant` chooses
 * it, from the value's path inside `issues` and each branch's issues.
 */
export function plainIssues(
  issues: readonly Issue[],
  meant: (branches: readonly Issue[][], path: readonly PropertyKey[]) => readonly Issue[] = closestBranch,
  above: readonly PropertyKey[] = [],
): Issue[] {
  return issues.flatMap((issue) => {
    const path = [...above, ...issue.path]
    if (issue.code === 'invalid_union' && issue.errors.length > 0)
      return plainIssues(meant(issue.errors, path), meant, path)
    return [{ ...issue, path }]
  })
}

/** Another kind of value, then another constant, then more that is wrong: the branch that has least of it was meant. */
export function closestBranch(branches: readonly Issue[][]): readonly Issue[] {
  const ranked = branches.map((issues) => ({ issues, rank: rankOf(issues) }))
  return (
    ranked.reduce<(typeof ranked)[number] | null>(
      (best, next) => (best === null || isLess(next.rank, best.rank) ? next : best),
      null,
    )?.issues ?? []
  )
}

const rankOf = (issues: readonly Issue[]) => [
  issues.filter(({ code, path }) => code === 'invalid_type' && path.length === 0).length,
  issues.filter(({ code }) => code === 'invalid_value').length,
  issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 1), 0),
]
function isLess(one: readonly number[], other: readonly number[]): boolean {
  const at = one.findIndex((value, index) => value !== other[index])
  return at >= 0 && (one[at] ?? 0) < (other[at] ?? 0)
}

/** The problems of a value that was parsed with `describeIssue`, one for each field. */
function fieldProblems(issues: readonly Issue[]): FieldProblem[] {
  return plainIssues(issues).flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ path: [...issue.path, key], message: issue.message }))
      : [{ path: issue.path, message: issue.message }],
  )
}

/** `title: Give the prototype a title. · hypothesis: must be at most 2000 characters`. `whole`: the name of the value itself. */
export function sentenceOf(issues: readonly Issue[], whole: string): string {
  const told = fieldProblems(issues).slice(0, MOST_TOLD)
  return told
    .map(({ path, message }) => `${(path.map(String).join('.') || whole).slice(0, LONGEST_SHOWN)}: ${message}`)
    .join(' · ')
}
