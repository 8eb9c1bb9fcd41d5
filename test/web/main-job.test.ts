import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Platform, startPlatform } from '../support/server/platform.ts'
import { openBrowser, openPage, type Watched, watch } from './browser.ts'
import { photograph } from './screenshots.ts'
import { arrive, makePrototype, OWNER, pointAt, shows, signIn, terminalOpens, type } from './steps.ts'

describe('the main job in a browser', { timeout: 400_000 }, () => {
  let platform: Platform
  let browser: Browser
  let desk: Watched

  beforeAll(async () => {
    platform = await startPlatform()
    browser = await openBrowser()
    desk = await openPage(browser)
    await arrive(desk.page, platform)
  })
  afterAll(async () => {
    await browser?.close()
    await platform?.close()
  })

  test('an empty place invites, and a prototype opens with a terminal that works', async () => {
    await desk.page.getByRole('heading', { name: 'What do you want to find out?' }).waitFor()
    await makePrototype(desk.page, 'Refunds in one tap')
    await type(desk.page, 'echo hi')
    await shows(desk.page, 'hi')
  })

  test('the proof badge lists what was tried', async () => {
    await desk.page.getByRole('button', { name: 'Limits proven' }).click()
    const dialog = desk.page.getByRole('dialog')
    await expect.poll(() => dialog.getByRole('listitem').count()).toBeGreaterThan(4)
    expect(await dialog.getByText('ENETUNREACH').count()).toBe(0)
    await dialog.getByRole('button', { name: 'Details' }).click()
    await dialog.getByText('ENETUNREACH').first().waitFor()
    await desk.page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'hidden' })
  })

  test('a refusal stands in the live feed within a second of the command that met it', async () => {
    const now = await desk.page.context().newPage()
    const problems = watch(now)
    await now.goto(`${platform.url}/now`)
    await now.getByText('Live', { exact: true }).waitFor()
    await desk.page.bringToFront()
    await type(desk.page, 'curl -sS https://example.com; echo met')
    await shows(desk.page, 'met')
    const metAt = performance.now()
    const row = now.locator('[data-kind="egress.request"][data-decision="deny"]', { hasText: 'example.com' }).first()
    await row.waitFor({ timeout: 5000 })
    expect(performance.now() - metAt).toBeLessThan(1000)
    await row.getByRole('button').click()
    await now.getByRole('dialog').getByText('no-rule').first().waitFor()
    expect(problems).toEqual([])
    await now.close()
  })

  test('after a reload the terminal shows its screen again', async () => {
    await desk.page.reload()
    await terminalOpens(desk.page)
    await shows(desk.page, 'hi')
  })

  test('a second terminal is opened and closed by name', async () => {
    const { page } = desk
    await page.getByRole('button', { name: 'New terminal' }).click()
    await page.getByRole('tab', { name: 'Terminal 2', selected: true }).waitFor()
    await terminalOpens(page)
    await type(page, 'echo second')
    await shows(page, 'second')
    await page.getByRole('button', { name: /^Close Terminal 2/ }).click()
    await page.getByRole('tab', { name: 'Main', selected: true }).waitFor()
    await terminalOpens(page)
    await shows(page, 'hi')
  })

  test('Ctrl+C copies what is selected and Ctrl+V pastes', async () => {
    const { page } = desk
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await type(page, 'clear; echo carry')
    await shows(page, 'carry')
    await pointAt(page, 'carry')
    for (const clickCount of [1, 2]) {
      await page.mouse.down({ clickCount })
      await page.mouse.up({ clickCount })
    }
    await page.keyboard.press('Control+c')
    await page.keyboard.type('echo got-')
    await page.keyboard.press('Control+v')
    await page.keyboard.press('Enter')
    await shows(page, 'got-carry')
  })

  test('the link works once, wrong words are refused with one message, the password opens', async () => {
    const { page } = await openPage(browser)
    await page.goto(`${platform.url}/sign-in#token=${platform.signInToken}`)
    await page.getByText('This sign-in link was used already or is too old.').waitFor()
    await signIn(page, platform.url, { ...OWNER, password: 'not the password at all' })
    await page.getByText('The e-mail address or the password is not right.').waitFor()
    await signIn(page, platform.url)
    await page.getByRole('link', { name: 'Refunds in one tap' }).waitFor()
    await page.context().close()
  })

  test('where there are two policies, a prototype is made under the one that is chosen', async () => {
    const { page } = desk
    const api = (method: string, path: string, body?: object) =>
      page.evaluate(
        async ([how, where, what]) => {
          const headers = what === null ? {} : { 'content-type': 'application/json' }
          const answer = await fetch(`/api/v1${where}`, { method: how, headers, ...(what ? { body: what } : {}) })
          return answer.status === 204 ? null : answer.json()
        },
        [method, path, body ? JSON.stringify(body) : null] as const,
      )
    const studio = page.url()
    await page.goto(`${platform.url}/`)
    await page.getByRole('button', { name: 'New prototype' }).click()
    await page.getByLabel('Title').waitFor()
    expect(await page.getByLabel('Policy').count()).toBe(0)

    const source = `policy: quiet
description: Reaches nothing.
tools: { allow: [bash, node] }
sandbox: { cpus: 1, memory: 512MiB, disk: 512MiB, pids: 128, perPerson: 3 }
egress: []
models: { default: { cloud: assigned, local: assigned }, labels: { restricted: none } }
`
    expect(await api('POST', '/policies/quiet/publish', { yaml: source })).toMatchObject({ version: 1 })
    await page.reload()
    await page.getByRole('button', { name: 'New prototype' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Title').fill('A quiet one')
    await dialog.getByLabel('Policy').selectOption('quiet')
    await dialog.getByText('Reaches nothing.').waitFor()
    await dialog.getByRole('button', { name: 'Create prototype' }).click()
    await page.waitForURL('**/prototypes/pr_*')
    // The list holds what has its place in the log, which comes soon after the event.
    await expect
      .poll(() => api('GET', '/audit/events?kind=prototype.created&limit=1'), { timeout: 10_000 })
      .toMatchObject({ items: [{ detail: { title: 'A quiet one' }, policy: { name: 'quiet' } }] })
    await api('DELETE', new URL(page.url()).pathname)
    await page.goto(studio)
    await terminalOpens(page)
  })

  test('every page fits on a desk and a phone, light and dark, without a complaint', async () => {
    const studio = new URL(desk.page.url()).pathname
    const looks = await photograph(browser, desk.page, studio, join(import.meta.dirname, '..', 'artifacts'))
    expect(looks.filter((look) => look.overflow > 0 || look.problems.length > 0)).toEqual([])
  })

  test('nothing went wrong in the console', () => {
    expect(desk.problems).toEqual([])
  })
})
