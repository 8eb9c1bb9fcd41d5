/** CONTRIBUTING.md tells the truth: what it tells people to run and to open is there. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'

const root = resolve(import.meta.dirname, '..', '..', '..')
const text = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8')
const { scripts } = z
  .object({ scripts: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))

const commandsOf = (words: string) =>
  [...words.matchAll(/\bnpm (?:run ([\w:-]+)|(start|test)\b)/g)].map(([, run, own]) => run ?? own ?? '')
const table = text.split('\n').filter((line) => line.startsWith('| `'))
const FOLDERS = 'api|web|test|policies|sandbox-images|docs'
const paths = [...text.matchAll(new RegExp(`(?<![\\w./-])(?:${FOLDERS})/[\\w./*-]*[\\w/*]`, 'g'))].map(([path]) => path)
const files = [...new Set(paths)].filter((path) => !path.startsWith('test/artifacts/'))

describe('CONTRIBUTING.md', () => {
  test.each([...new Set(commandsOf(text))])('npm run %s is a command', (command) => {
    expect(Object.keys(scripts)).toContain(command)
  })

  test('its table has every command', () => {
    // `npm run test:unit`, `test:app`, …: in one row.
    const told = table.flatMap((row) => [
      ...commandsOf(row),
      ...[...row.matchAll(/`(test:\w+)`/g)].map(([, name]) => name),
    ])
    // `npm start` and `npm test` build the pages by themselves.
    expect(told.toSorted()).toEqual(
      Object.keys(scripts)
        .filter((name) => name !== 'build')
        .toSorted(),
    )
  })

  test('it names files at all', () => expect(files.length).toBeGreaterThan(15))

  test.each(files)('%s exists', (path) => {
    expect(existsSync(join(root, path))).toBe(true)
    expect(statSync(join(root, path)).isDirectory()).toBe(!/\.\w+$/.test(path))
  })

  test('what it says about a test’s table is so', () => {
    const [, name = ''] = /table\s+"([^"]+)"/.exec(text) ?? []
    expect(name).not.toBe('')
    expect(readFileSync(join(root, 'test/unit/policy/egress.test.ts'), 'utf8').includes(`'${name}`)).toBe(true)
  })
})
