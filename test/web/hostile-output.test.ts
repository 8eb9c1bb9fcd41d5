import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Platform, startPlatform } from '../support/server/platform.ts'
import { openBrowser, openPage, type Watched } from './browser.ts'
import { arrive, makePrototype, pointAt, shows, terminalOpens, type } from './steps.ts'

const HOSTILE_TITLE = '"><script>document.title="taken"</script><img src=x onerror=alert(1)>'

async function press(page: Page): Promise<void> {
  await page.mouse.down()
  await page.mouse.up()
}

describe('what a sandbox prints stays in its terminal', { timeout: 400_000 }, () => {
  let platform: Platform
  let browser: Browser
  let desk: Watched

  beforeAll(async () => {
    platform = await startPlatform()
    browser = await openBrowser()
    desk = await openPage(browser, { permissions: ['clipboard-read', 'clipboard-write'] })
    await arrive(desk.page, platform)
    await makePrototype(desk.page, HOSTILE_TITLE)
  })
  afterAll(async () => {
    await browser?.close()
    await platform?.close()
  })

  test('V01 OSC 52 neither writes nor reads the clipboard', async () => {
    await desk.page.evaluate('navigator.clipboard.writeText("mine")')
    await type(desk.page, String.raw`printf '\033]52;c;c3RvbGVu\007\033]52;c;?\007'; echo v01`)
    await shows(desk.page, 'v01')
    expect(await desk.page.evaluate('navigator.clipboard.readText()')).toBe('mine')
  })

  test('V02 a link shows its real target before it opens; javascript: is not a link', async () => {
    const { page } = desk
    await type(page, String.raw`clear; printf '\033]8;;javascript:alert(1)\007first\033]8;;\007 \n'`)
    await shows(page, 'first')
    await pointAt(page, 'first')
    await press(page)
    expect(await page.getByRole('dialog').count()).toBe(0)
    await type(page, String.raw`clear; printf '\033]8;;https://evil.example/\007https://bank.example\033]8;;\007 \n'`)
    await shows(page, 'https://bank.example')
    await pointAt(page, 'https://bank.example')
    await page.locator('.xterm-cursor-pointer').waitFor()
    await press(page)
    await page.getByRole('dialog').getByText('https://evil.example/', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Cancel' }).click()
    expect(page.context().pages()).toHaveLength(1)
  })

  test('V03 a title is plain, short text', async () => {
    const { page } = desk
    await type(page, String.raw`printf '\033]0;<img src=x onerror=alert(1)>%0500d\007' 0; echo v03`)
    await shows(page, 'v03')
    const title = (await page.getByRole('tab', { name: 'Main' }).getAttribute('title')) ?? ''
    expect(title).toContain('<img src=x')
    expect(title.length).toBeLessThanOrEqual(80)
  })

  test('V04 a question to the terminal that is shown again is not answered again', async () => {
    const { page } = desk
    // Live, the shell reads the answers away; in a replay they would be typed at its prompt.
    await type(page, String.raw`clear; printf '\033[c\033[6n\033[>c\033]11;?\007'; read -rsd q -t 2; echo v04`)
    await shows(page, 'v04')
    await page.reload()
    await terminalOpens(page)
    await shows(page, 'v04')
    await type(page, 'echo unasked')
    await shows(page, 'unasked')
    expect(await page.locator('.xterm-rows').textContent()).not.toMatch(/\d;\d+c|;1R|rgb:/)
  })

  test('V06 a flood leaves the page alive', async () => {
    const { page } = desk
    await type(page, 'head -c 12000000 /dev/urandom | base64; echo v06')
    await page.getByRole('button', { name: 'New terminal' }).click({ trial: true, timeout: 5000 })
    await shows(page, 'v06', 120_000)
  })

  test('V08 a title with a script in it is text everywhere', async () => {
    const { page, problems } = desk
    await page.getByRole('heading', { name: HOSTILE_TITLE }).waitFor()
    await page.goto(`${platform.url}/now`)
    await page.locator('[data-kind]').getByText(HOSTILE_TITLE).first().waitFor()
    await page.goto(`${platform.url}/prototypes`)
    await page.getByRole('link', { name: HOSTILE_TITLE }).waitFor()
    expect(await page.title()).toBe('Prototypes · Backlot')
    expect(problems).toEqual([])
  })
})
