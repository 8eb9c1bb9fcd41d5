/** `npm start` builds the pages again when, and only when, something that is in the build has changed. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { hashInputs } from '../../../api/bin/prepare/pages.mjs'

const folder = mkdtempSync(join(tmpdir(), 'bl-pages-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function write(path: string, text: string) {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}

beforeEach(() => {
  for (const path of ['web/src/main.tsx', 'api/contract/ids.ts', 'package-lock.json']) write(path, 'as it was')
})

describe('the pages are built again', () => {
  test.each([
    'web/src/main.tsx',
    'web/src/new.tsx',
    'web/index.html',
    'web/public/favicon.svg',
    'web/vite.config.ts',
    'web/build/precompress.ts',
    'api/contract/ids.ts',
    'package-lock.json',
  ])('after a change of %s', (path) => {
    const before = hashInputs(folder)
    write(path, 'as it is now')
    expect(hashInputs(folder)).not.toBe(before)
  })
})

describe('the pages stay', () => {
  test.each([
    ['what was built', 'web/dist/index.html'],
    ['the gallery', 'web/gallery/main.tsx'],
    ['a state of a page', 'web/src/pages/now/Now.states.tsx'],
    ['the server', 'api/server/app.ts'],
  ])('after a change of %s', (_what, path) => {
    const before = hashInputs(folder)
    write(path, 'as it is now')
    expect(hashInputs(folder)).toBe(before)
  })
})
