import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Platform, startPlatform } from '../support/server/platform.ts'
import { openBrowser, openPage, type Watched } from './browser.ts'
import { arrive, OWNER } from './steps.ts'

describe('what comes between a person and the page', { timeout: 60_000 }, () => {
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

  test('a session that has ended leads to signing in, and back to where one was', async () => {
    const { page } = desk
    await page.context().clearCookies()
    await page.getByRole('link', { name: 'People' }).click()
    await page.getByText('Then you continue where you were.').waitFor()
    await page.getByLabel('E-mail').fill(OWNER.email)
    await page.getByLabel('Password', { exact: true }).fill(OWNER.password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText(`${OWNER.name} (you)`).waitFor()
    expect(new URL(page.url()).pathname).toBe('/people')
  })

  test('without an answer every page says so, and goes on by itself or when told to', async () => {
    const { page } = desk
    await page.getByRole('link', { name: 'Now' }).click()
    await page.getByText('Nothing is running.').waitFor()
    await page.context().setOffline(true)
    await page.getByText('What you see may be outdated').waitFor()
    await page.getByRole('link', { name: 'Models' }).click()
    await page.getByText('This page could not be loaded.').waitFor()
    await page.context().setOffline(false)
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByRole('heading', { name: 'No provider yet' }).waitFor()
    expect(await page.getByText('What you see may be outdated').count()).toBe(0)
  })

  test('the model of the first provider can be chosen without a reload', async () => {
    const { page } = desk
    await page.getByRole('button', { name: 'Add provider' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill('cellar')
    await dialog.getByLabel('Address').fill('http://127.0.0.1:9')
    await dialog.getByLabel('On our own machines').check()
    await dialog.getByRole('button', { name: 'Save provider' }).click()
    await page.getByRole('combobox', { name: 'Model' }).fill('small')
    await page.getByRole('button', { name: 'Use this model' }).click()
    await page.getByRole('button', { name: 'Clear' }).waitFor()
    expect(await page.getByRole('alert').count()).toBe(0)
  })
})
