/** Debian's Chromium, and a watch over what a page must never do. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

export const PHONE = { width: 390, height: 844 }
export const DESK = { width: 1440, height: 900 }

export const openBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })

export interface Watched {
  page: Page
  /** Errors in the console, uncaught errors, dialogs and violations of the content security policy, in words. */
  problems: string[]
}

export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<Watched> {
  const context = await browser.newContext({ viewport: DESK, ...options })
  const page = await context.newPage()
  return { page, problems: watch(page) }
}

export function watch(page: Page): string[] {
  const problems: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()}`)
  })
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.message}`))
  page.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  return problems
}

/** By how many pixels the page is wider than the screen. */
export async function overflow(page: Page): Promise<number> {
  const width = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
  return Number(await page.evaluate(width))
}
