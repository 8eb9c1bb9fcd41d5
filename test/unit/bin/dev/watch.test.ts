import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { watchSources } from '../../../../api/bin/dev/watch.ts'

const folder = mkdtempSync(join(tmpdir(), 'bl-watch-'))
for (const name of ['api/server', 'policies', 'web']) mkdirSync(join(folder, name), { recursive: true })
const watching = new AbortController()
afterEach(() => {
  watching.abort()
  rmSync(folder, { recursive: true, force: true })
})

test('files that are saved together are told together, once, wherever they are below api/ and policies/', async () => {
  const told: string[][] = []
  const heard = new Promise<void>((resolve) => {
    watchSources(folder, watching.signal, (files) => {
      told.push(files)
      resolve()
    })
  })
  writeFileSync(join(folder, 'web/page.tsx'), 'not ours: Vite looks after it')
  writeFileSync(join(folder, 'api/server/app.ts'), 'one')
  // As many editors save: beside it, then over it.
  writeFileSync(join(folder, 'policies/new'), 'two')
  renameSync(join(folder, 'policies/new'), join(folder, 'policies/default.yaml'))
  await heard
  expect(told).toHaveLength(1)
  expect(told[0]).toEqual(expect.arrayContaining(['api/server/app.ts', 'policies/default.yaml']))
  expect(told[0]).not.toContain('web/page.tsx')
})
