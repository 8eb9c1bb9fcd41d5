/** Looks at every state in Chromium: is it what it says, does it fit, what does axe-core find, and a picture of it. */
import { join } from 'node:path'
import axe from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { z } from 'zod'
import { DESK, openPage, overflow, PHONE } from '../browser.ts'

/** Half an hour after the day of the states (web/gallery/data/words.ts), so that "30 minutes ago" is in every picture. */
const NOW = new Date('2026-03-02T10:00:00.000Z')
/** Each size in one scheme: what one of the other two pairs hides, another state of the same component shows. */
const SCHEMES = new Map([
  [DESK.width, 'light'],
  [PHONE.width, 'dark'],
] as const)
/** Pages of each size at once: two cores have no use for more. */
const AT_ONCE = 2
const PATIENCE_MS = 15_000

export interface Finding {
  rule: string
  impact: string
  where: string
}
export interface Look {
  /** `pages/now/Now/ready`. */
  id: string
  width: number
  /** What is wrong with it, in words. */
  problems: string[]
  findings: Finding[]
  /** File names. */
  pictures: string[]
}

const violations = z.array(
  z.object({
    id: z.string(),
    impact: z.string().nullable(),
    nodes: z.array(z.object({ target: z.array(z.unknown()) })),
  }),
)

export async function listStates(browser: Browser, url: string): Promise<string[]> {
  const page = await browser.newPage()
  await page.goto(url)
  const hrefs = await page.locator('a[href^="?state="]').evaluateAll((links) => links.map(String))
  await page.close()
  return hrefs.map((href) => new URL(href).searchParams.get('state') ?? '')
}

export async function lookAtAll(browser: Browser, url: string, ids: string[], folder: string): Promise<Look[]> {
  const waiting = [DESK, PHONE].flatMap((viewport) => {
    const own = [...ids]
    return Array.from({ length: AT_ONCE }, () => ({ viewport, own }))
  })
  const looks: Look[] = []
  // Pages are used again: the code of the gallery is then compiled once for each, not once for each state.
  const work = async ({ viewport, own }: (typeof waiting)[number]) => {
    const { page, problems } = await openPage(browser, {
      viewport,
      hasTouch: viewport === PHONE,
      reducedMotion: 'reduce',
    })
    await page.emulateMedia({ colorScheme: SCHEMES.get(viewport.width) ?? 'light' })
    await page.clock.setFixedTime(NOW)
    await page.addInitScript('localStorage.clear()')
    for (let id = own.shift(); id !== undefined; id = own.shift()) {
      const seen: Look = { id, width: viewport.width, problems: [], findings: [], pictures: [] }
      await look(page, url, seen, folder)
      looks.push({ ...seen, problems: [...problems.splice(0), ...seen.problems] })
    }
    await page.context().close()
  }
  await Promise.all(waiting.map(work))
  return looks
}

async function look(page: Page, url: string, { id, width, problems, findings, pictures }: Look, folder: string) {
  await page.goto(`${url}?state=${encodeURIComponent(id)}`)
  await page.waitForFunction(IS_SHOWN, undefined, { timeout: PATIENCE_MS }).catch(async () => {
    problems.push(`never shows: ${await page.locator('#root').getAttribute('data-shows')}`)
  })
  const wider = await overflow(page)
  if (wider > 0) problems.push(`${wider} pixels wider than the screen`)
  const name = `${id.replaceAll('/', '--')}-${width}-${SCHEMES.get(width)}.png`
  await page.screenshot({ path: join(folder, name), animations: 'disabled' })
  pictures.push(name)
  findings.push(...(await examine(page)))
}

/** In the page: the state's words, as text or as the name of something, and nothing left to press. */
const IS_SHOWN = `(() => {
  const { shows, pressed } = document.getElementById('root').dataset
  if (pressed !== 'yes') return false
  const named = [...document.querySelectorAll('[aria-label]')].some((one) => one.ariaLabel.includes(shows))
  return named || document.body.innerText.includes(shows)
})()`

/** What axe-core finds. */
async function examine(page: Page): Promise<Finding[]> {
  await page.evaluate(axe.source)
  const found = violations.parse(await page.evaluate('axe.run().then(({ violations }) => violations)'))
  return found.map(({ id, impact, nodes }) => ({
    rule: id,
    impact: impact ?? 'none',
    where: nodes.map(({ target }) => target.join(' ')).join(', '),
  }))
}
