/** The gallery is whole, and stays out of the product. */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '..', '..', '..')
const src = join(root, 'web', 'src')
const isComponent = (file: string) => file.endsWith('.tsx') && !file.endsWith('.states.tsx')
const pages = readFileSync(join(src, 'app', 'routes.tsx'), 'utf8').matchAll(/pages\/[\w/-]+\.tsx/g)
const wanted = [
  ...globSync('{components,modules}/**/*.tsx', { cwd: src }).filter(isComponent),
  ...new Set([...pages].map(([file]) => file)),
]
const statesOf = (file: string) => join(src, dirname(file), basename(file).replace('.tsx', '.states.tsx'))

describe('the gallery', () => {
  test('there are components and pages to look for', () => expect(wanted.length).toBeGreaterThan(25))

  test.each(wanted)('%s has its states beside it', (file) => {
    expect(existsSync(statesOf(file))).toBe(true)
  })

  test.each(globSync('**/*.states.tsx', { cwd: src }))('%s stands beside a component', (file) => {
    expect(existsSync(join(src, file.replace('.states.tsx', '.tsx')))).toBe(true)
  })

  test('nothing of it is in the pages that npm start serves', () => {
    const dist = join(root, 'web', 'dist')
    const built = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((file) =>
      /\.(js|css|html)$/.test(file),
    )
    expect(built.length).toBeGreaterThan(5)
    const text = built.map((file) => readFileSync(join(dist, file), 'utf8')).join('\n')
    // The page itself is there; a word of the gallery, of its data and of its fake server is not.
    expect(text).toContain('What do you want to find out?')
    for (const word of ['Chidi Anagonye', 'This state has no answer for', 'states of', 'axe-core'])
      expect(text).not.toContain(word)
  })
})
