/** The catalogue of attacks and the tests that hold it belong together. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readCatalogue } from '../../support/cases/catalogue.ts'
import { renderCases } from '../../support/cases/page.ts'
import { readTitles, titlesOf } from '../../support/cases/titles.ts'

const folder = join(import.meta.dirname, '..', '..')
const groups = readCatalogue(join(folder, 'cases'))
const titles = readTitles(folder)
const rows = groups.flatMap((group) => group.rows)

describe('an id in the name of a test', () => {
  test.each([
    ['N02 allowed as a prefix', [{ id: 'N02', name: 'allowed as a prefix' }]],
    ['C14: a fork bomb', [{ id: 'C14', name: 'a fork bomb' }]],
    [
      'T11, T12: in a tunnel',
      [
        { id: 'T11', name: 'in a tunnel' },
        { id: 'T12', name: 'in a tunnel' },
      ],
    ],
    ['content types (U03): no handler', [{ id: 'U03', name: 'content types: no handler' }]],
    ['guessing (U11)', [{ id: 'U11', name: 'guessing' }]],
    ['T00:00:00Z', []],
    ['see N02', []],
  ])('%j', (text, expected) => {
    expect(titlesOf(text)).toEqual(expected)
  })
})

test('every id that a test names is in the catalogue', () => {
  const known = new Set(rows.map(({ id }) => id))
  expect(titles.filter(({ id }) => !known.has(id))).toEqual([])
})

test('every row has a test that names it, or says what is missing', () => {
  const named = new Set(titles.map(({ id }) => id))
  const bare = rows.filter(({ id, later, open }) => !named.has(id) && later === undefined && open === undefined)
  expect(bare.map(({ id, attack }) => `${id} ${attack}`)).toEqual([])
})

test('CASES.md is of this catalogue and these tests', async () => {
  await expect(renderCases(groups, titles)).toMatchFileSnapshot(join(folder, 'CASES.md'))
})
