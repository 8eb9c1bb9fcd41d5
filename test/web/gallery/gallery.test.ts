/** Every state of every page and component: on a desk in light, on a phone in dark. The pictures stay in test/artifacts/gallery/index.html. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { openBrowser } from '../browser.ts'
import { writeContactSheet } from './contact-sheet.ts'
import { type Look, listStates, lookAtAll } from './look.ts'
import { serveGallery } from './site.ts'

const folder = resolve(import.meta.dirname, '..', '..', 'artifacts', 'gallery')
const seen: { ids: string[]; looks: Look[] } = { ids: [], looks: [] }

beforeAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const built = mkdtempSync(join(tmpdir(), 'bl-gallery-'))
  const site = await serveGallery(built)
  const browser = await openBrowser()
  try {
    seen.ids = await listStates(browser, site.url)
    seen.looks = (await lookAtAll(browser, site.url, seen.ids, folder)).toSorted((a, b) => (a.id < b.id ? -1 : 1))
    writeContactSheet(folder, seen.looks)
  } finally {
    await browser.close()
    await site.close()
    rmSync(built, { recursive: true, force: true })
  }
})

test('every state shows what its file says, on a desk and on a phone, without an error and no wider than the screen', () => {
  expect(seen.ids.length).toBeGreaterThan(100)
  expect(seen.looks).toHaveLength(seen.ids.length * 2)
  const wrong = seen.looks.flatMap(({ id, width, problems }) =>
    problems.map((problem) => `${id} (${width}): ${problem}`),
  )
  expect(wrong).toEqual([])
})

test('axe-core finds nothing serious in any state', () => {
  const serious = seen.looks.flatMap(({ id, width, findings }) =>
    findings
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ impact, rule, where }) => `${id} (${width}): ${impact} ${rule}: ${where}`),
  )
  expect(serious).toEqual([])
})
