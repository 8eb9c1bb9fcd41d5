/** Whoever has the repository has everything that it speaks of. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readCatalogue } from '../../support/cases/catalogue.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const PLACES = [
  '*.{md,json,ts,mjs,yml}',
  '{api,web,test,policies,sandbox-images,docs}/**/*.{md,ts,tsx,mjs,css,yaml,py,sh,sql}',
]
const files = globSync(PLACES, { cwd: root, exclude: ['**/node_modules/**', '**/dist/**', 'test/artifacts/**'] })
const texts = files
  .filter((file) => file !== 'package-lock.json' && !file.endsWith('self-contained.test.ts'))
  .map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }))

test.each([/BAD-INPUT/, /DESIGN (section|law)|DESIGN[’']s|DESIGN\.md/, /\bshared\//])(
  'no file speaks of %s',
  (outside) => {
    expect(texts.length).toBeGreaterThan(300)
    expect(texts.filter(({ text }) => outside.test(text)).map(({ file }) => file)).toEqual([])
  },
)

test('a law that is named is in ARCHITECTURE.md', () => {
  const chapter = /\n## Laws\n([\s\S]*?)\n## /.exec(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'))?.[1] ?? ''
  const laws = new Set([...chapter.matchAll(/^(\d+)\. /gm)].map(([, number]) => number))
  expect(laws.size).toBe(14)
  const named = texts.flatMap(({ file, text }) =>
    [...text.matchAll(/\b[Ll]aws? (\d+)/g)].map(([, number]) => ({ file, number })),
  )
  expect(named.length).toBeGreaterThan(0)
  expect(named.filter(({ number }) => !laws.has(number))).toEqual([])
})

test('a case that a comment points to is in the catalogue', () => {
  const known = new Set(readCatalogue(join(root, 'test', 'cases')).flatMap(({ rows }) => rows.map(({ id }) => id)))
  const pointed = texts.flatMap(({ file, text }) =>
    [...text.matchAll(/\(((?:[A-Z]\d{2},[\s*]+)+)test\/CASES[.]md\)/g)].flatMap(([, list = '']) =>
      [...list.matchAll(/[A-Z]\d{2}/g)].map(([id]) => ({ file, id })),
    ),
  )
  expect(pointed.length).toBeGreaterThan(0)
  expect(pointed.filter(({ id }) => !known.has(id))).toEqual([])
})
