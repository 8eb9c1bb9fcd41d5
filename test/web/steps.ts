/** What a person does, step by step. */

import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import type { Platform } from '../support/server/platform.ts'

export const OWNER = { name: 'Ana Duarte', email: 'ana.duarte@example.com', password: 'a quiet street of fronts' }
const SANDBOX_TIMEOUT_MS = 300_000

/** Comes by the link of the first start and sets the account up; ends on the Prototypes page. */
export async function arrive(page: Page, platform: Pick<Platform, 'url' | 'signInToken'>): Promise<void> {
  await page.goto(`${platform.url}/sign-in#token=${platform.signInToken}`)
  await page.getByRole('heading', { name: 'Welcome' }).waitFor()
  expect(page.url()).not.toContain(platform.signInToken)
  await page.getByLabel('Name').fill(OWNER.name)
  await page.getByLabel('E-mail').fill(OWNER.email)
  await page.getByLabel('Password', { exact: true }).fill(OWNER.password)
  await page.getByRole('button', { name: 'Start' }).click()
  await page.getByRole('heading', { name: 'Prototypes', level: 1 }).waitFor()
}

export async function signIn(page: Page, url: string, { email, password } = OWNER): Promise<void> {
  await page.goto(`${url}/sign-in`)
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** Makes a prototype and waits until its terminal takes input. */
export async function makePrototype(page: Page, title: string): Promise<void> {
  await page.getByRole('button', { name: 'New prototype' }).first().click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Title').fill(title)
  await dialog.getByLabel('What do you want to find out?').fill('If a refund takes one tap, fewer people will call us.')
  await dialog.getByRole('button', { name: 'Create prototype' }).click()
  await page.waitForURL('**/prototypes/pr_*')
  await terminalOpens(page)
}

export async function terminalOpens(page: Page): Promise<void> {
  await page.locator('[aria-label^="Terminal "][data-state="open"]').waitFor({ timeout: SANDBOX_TIMEOUT_MS })
}

/** Types a line into the terminal on the screen. */
export async function type(page: Page, line: string): Promise<void> {
  await page.locator('.xterm-helper-textarea').focus()
  await page.keyboard.type(line)
  await page.keyboard.press('Enter')
}

const lineOf = (page: Page, text: string) =>
  page
    .locator('.xterm-rows > div')
    .filter({ hasText: new RegExp(`^${RegExp.escape(text)}\\s*$`) })
    .first()

/** Waits until the terminal shows a line that is exactly `text`. */
export async function shows(page: Page, text: string, timeout = 20_000): Promise<void> {
  await lineOf(page, text).waitFor({ timeout })
}

/** Puts the mouse on the first letters of a line, as a person who sees a link there. */
export async function pointAt(page: Page, text: string): Promise<void> {
  const box = await lineOf(page, text).boundingBox()
  if (!box) throw new Error(`The terminal shows no line "${text}".`)
  // xterm.js looks for links anew only when the mouse comes from another line.
  await page.mouse.move(box.x + 40, box.y + box.height * 4)
  await page.mouse.move(box.x + 14, box.y + box.height / 2, { steps: 4 })
}
