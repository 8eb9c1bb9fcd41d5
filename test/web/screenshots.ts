/**
 * Pictures of every page, at two sizes, light and dark. `node test/web/screenshots.ts [folder]` starts the platform and
 * makes them; the README's is studio-1440-light.png.
 */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { startPlatform } from '../support/server/platform.ts'
import { DESK, openBrowser, openPage, overflow, PHONE } from './browser.ts'
import { arrive, makePrototype, shows, terminalOpens, type } from './steps.ts'

const pages = ['/prototypes', '/now', '/models', '/people', '/policies', '/health', '/account', '/nowhere']

export interface Look {
  name: string
  overflow: number
  problems: string[]
}

/** Goes through every page of a signed-in person and of nobody. `studio`: the path of a prototype whose terminal is open. */
export async function photograph(browser: Browser, signedIn: Page, studio: string, folder: string): Promise<Look[]> {
  mkdirSync(folder, { recursive: true })
  const storageState = await signedIn.context().storageState()
  const base = new URL(signedIn.url()).origin
  const looks: Look[] = []
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const viewport of [DESK, PHONE]) {
      const options = { viewport, colorScheme, hasTouch: viewport === PHONE }
      const nobody = await openPage(browser, options)
      const somebody = await openPage(browser, { ...options, storageState })
      for (const path of ['/sign-in', ...pages, studio]) {
        const { page, problems } = path === '/sign-in' ? nobody : somebody
        await page.goto(`${base}${path}`)
        await page.getByRole('heading', { level: 1 }).first().waitFor()
        if (path === studio) await terminalOpens(page)
        await page.getByRole('status', { name: 'Loading' }).first().waitFor({ state: 'hidden' })
        const name = `${path === studio ? 'studio' : path.slice(1)}-${viewport.width}-${colorScheme}`
        await page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' })
        looks.push({ name, overflow: await overflow(page), problems: problems.splice(0) })
      }
      await nobody.page.context().close()
      await somebody.page.context().close()
    }
  }
  return looks
}

if (import.meta.main) {
  const folder = resolve(process.argv[2] ?? join(import.meta.dirname, '..', 'artifacts'))
  const platform = await startPlatform()
  const browser = await openBrowser()
  try {
    const { page } = await openPage(browser)
    await arrive(page, platform)
    await makePrototype(page, 'Refunds in one tap')
    await type(page, 'clear; node -v; curl -sS https://example.com; echo; echo ready')
    await shows(page, 'ready')
    await photograph(browser, page, new URL(page.url()).pathname, folder)
  } finally {
    await browser.close()
    await platform.close()
  }
}
