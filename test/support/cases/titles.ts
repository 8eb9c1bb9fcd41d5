/**
 * Which tests name a case. Test files are parsed, not run: a string or a template that begins with an id, as in
 * 'N02 allowed as a prefix' or 'T11, T12: …', or holds ids in brackets, as in 'guessing (U11)', counts as the name of a test or
 * of a row of its table. What it cannot see: a name that is put together while the test runs, and whether a string is used.
 */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync } from '@swc/core'
import { z } from 'zod'

const LEADING = /^([A-Z]\d{2}(?:, [A-Z]\d{2})*)(?=:? |$)/
const BRACKETED = /\(([A-Z]\d{2}(?:, [A-Z]\d{2})*)\)/g

/** These speak of ids; they hold no case. */
const ABOUT_THE_TREE = ['unit/repository/**']

export interface Title {
  id: string
  /** Relative to the folder of tests, with `/`. */
  file: string
  /** Without the id. */
  name: string
}

export function readTitles(folder: string): Title[] {
  const files = globSync('**/*.test.{ts,tsx}', { cwd: folder, exclude: ABOUT_THE_TREE }).toSorted()
  return files.flatMap((file) => {
    const syntax = { syntax: 'typescript', tsx: file.endsWith('x'), target: 'es2022' } as const
    const strings = [...stringsOf(parseSync(readFileSync(join(folder, file), 'utf8'), syntax))]
    return strings.flatMap((text) => titlesOf(text).map((title) => ({ ...title, file })))
  })
}

/** Exported for its own test. */
export function titlesOf(text: string): Array<Pick<Title, 'id' | 'name'>> {
  const leading = LEADING.exec(text)?.[1]
  const lists = [
    ...(leading === undefined ? [] : [leading]),
    ...[...text.matchAll(BRACKETED)].map(([, ids = '']) => ids),
  ]
  const name = text
    .replace(LEADING, '')
    .replaceAll(BRACKETED, '')
    .replace(/^[: ]+/, '')
    .replaceAll(/ +(?=[ :,]|$)/g, '')
    .trim()
  return lists.flatMap((ids) => ids.split(', ').map((id) => ({ id, name })))
}

const quasis = z.array(z.object({ cooked: z.string() }))

/** Every string below a node of the syntax tree; of a template its own words, with … for what is put in. */
function* stringsOf(node: unknown): Generator<string> {
  if (Array.isArray(node)) {
    for (const each of node) yield* stringsOf(each)
    return
  }
  if (typeof node !== 'object' || node === null) return
  const words = 'quasis' in node ? quasis.safeParse(node.quasis) : undefined
  if (words?.success) yield words.data.map(({ cooked }) => cooked).join('…')
  if ('type' in node && node.type === 'StringLiteral' && 'value' in node) yield String(node.value)
  else for (const value of Object.values(node)) yield* stringsOf(value)
}
