import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startPlatform } from '../support/platform.ts'
import { openBrowser, openPage } from './browser.ts'
import { photograph } from './screenshots.ts'
import { arrive, makePrototype } from './steps.ts'

test('every page fits on a desk and a phone, light and dark, without a complaint', { timeout: 500_000 }, async () => {
  const platform = await startPlatform()
  const browser = await openBrowser()
  try {
    const { page } = await openPage(browser)
    await arrive(page, platform)
    await makePrototype(page, 'Refunds in one tap')
    const folder = join(import.meta.dirname, '..', 'artifacts')
    const looks = await photograph(browser, page, new URL(page.url()).pathname, folder)
    expect(looks.filter((look) => look.overflow > 0 || look.problems.length > 0)).toEqual([])
  } finally {
    await browser.close()
    await platform.close()
  }
})
