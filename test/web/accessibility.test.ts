import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { PrototypeView } from '../../api/contract/prototypes.ts'
import { DESK, openPage, PHONE } from './browser.ts'
import { openSite, type Person, prototypeOf, type Site } from './site.ts'

const found = z.object({
  violations: z.array(
    z.object({ id: z.string(), impact: z.string().nullable(), nodes: z.array(z.object({ html: z.string() })) }),
  ),
})

/** Everything that axe-core finds on the page as it is now, in one line each. */
async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const { violations } = found.parse(await page.evaluate('axe.run(document, { resultTypes: ["violations"] })'))
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ html }) => `${impact} ${id}: ${html.slice(0, 160)}`),
  )
}

/** Colours that are on their way are not the ones that are read. */
const settled = (page: Page) =>
  page.evaluate(
    'Promise.all(document.getAnimations().filter((one) => one.effect?.getTiming().iterations !== Infinity).map((one) => one.finished.catch(() => 0)))',
  )

const looks = [
  ['light', DESK],
  ['dark', DESK],
  ['light', PHONE],
  ['dark', PHONE],
] as const

describe('axe-core finds nothing', { timeout: 120_000 }, () => {
  let site: Site
  let person: Person
  let prototype: PrototypeView

  beforeAll(async () => {
    site = await openSite()
    person = await site.person('pm', 'security', 'admin')
    await site.person('pm')
    prototype = await prototypeOf(person, 'Refunds in one tap')
    const wide = `policy: standard\n${'  - a rule that is much wider than any screen is, '.repeat(9)}\n`.repeat(40)
    await site.server.db.updateTable('policies').set({ source: wide }).where('name', '=', 'standard').execute()
    await person.ask('/api/v1/models/providers/acme', {
      method: 'PUT',
      body: { kind: 'openai', baseUrl: 'https://models.example.org', place: 'cloud', key: 'a key' },
    })
    await person.ask('/api/v1/prototypes/pr_aaaaaaaaaaaaaaaa')
  })
  afterAll(() => site?.close())

  const pages = ['/prototypes', '/now', '/models', '/people', '/policies', '/health', '/account', '/nowhere', 'studio']

  test.each(looks)('on any page, %s, at %o', async (colorScheme, viewport) => {
    const { page, problems } = await site.visit(person, '/prototypes', { colorScheme, viewport })
    const faults: Record<string, string[]> = {}
    for (const path of pages) {
      await page.goto(`${site.server.origin}${path === 'studio' ? `/prototypes/${prototype.id}` : path}`)
      await page.getByRole('heading', { level: 1 }).first().waitFor()
      await page.getByRole('status', { name: 'Loading' }).first().waitFor({ state: 'hidden' })
      await settled(page)
      faults[path] = await faultsOf(page)
    }
    const nobody = await openPage(site.browser, { colorScheme, viewport })
    await nobody.page.goto(`${site.server.origin}/sign-in`)
    await nobody.page.getByRole('heading', { name: 'Sign in' }).waitFor()
    faults.signIn = await faultsOf(nobody.page)
    await nobody.page.context().close()
    expect(Object.entries(faults).filter(([, each]) => each.length > 0)).toEqual([])
    expect(problems).toEqual([])
    await page.context().close()
  })

  const dialogs: Array<[what: string, path: string, open: (page: Page) => Promise<void>]> = [
    ['a new prototype', '/prototypes', (page) => page.getByRole('button', { name: 'New prototype' }).click()],
    [
      'deleting a prototype',
      '/prototypes',
      async (page) => {
        await page.getByRole('button', { name: /^More about/ }).click()
        await page.getByRole('menuitem', { name: 'Delete…' }).click()
      },
    ],
    ['a log entry', '/now', (page) => page.locator('[data-kind="request.refused"] button').first().click()],
    ['stopping everything', '/now', (page) => page.getByRole('button', { name: 'Stop everything…' }).click()],
    ['a new provider', '/models', (page) => page.getByRole('button', { name: 'Add provider' }).click()],
    ['an invitation', '/people', (page) => page.getByRole('button', { name: 'Invite' }).click()],
    ['the keyboard shortcuts', '/people', (page) => page.keyboard.press('?')],
    ['the proof', 'studio', (page) => page.getByRole('button', { name: 'Limits proven' }).click()],
  ]

  test.each(looks)('in any dialog, %s, at %o', async (colorScheme, viewport) => {
    const { page } = await site.visit(person, '/prototypes', { colorScheme, viewport })
    const faults: Record<string, string[]> = {}
    for (const [what, path, open] of dialogs) {
      await page.goto(`${site.server.origin}${path === 'studio' ? `/prototypes/${prototype.id}` : path}`)
      await page.getByRole('heading', { level: 1 }).first().waitFor()
      await open(page)
      await page.getByRole('dialog', { name: /\S/ }).waitFor()
      await page.getByRole('dialog').getByRole('button', { name: 'Close' }).first().waitFor()
      await settled(page)
      faults[what] = await faultsOf(page)
    }
    expect(Object.entries(faults).filter(([, each]) => each.length > 0)).toEqual([])
    await page.context().close()
  })

  test('in the menu of a phone, which has a name', async () => {
    const { page } = await site.visit(person, '/prototypes', { viewport: PHONE })
    await page.getByRole('button', { name: 'Open menu' }).click()
    await page.getByRole('dialog', { name: 'Menu' }).waitFor()
    await settled(page)
    expect(await faultsOf(page)).toEqual([])
    await page.context().close()
  })

  test('a policy that is longer than its place can be scrolled with the keyboard', async () => {
    const { page } = await site.visit(person, '/policies')
    const source = page.getByRole('region', { name: 'Policy file standard' })
    await source.focus()
    await page.keyboard.press('End')
    await expect.poll(() => source.evaluate((element) => element.scrollTop)).toBeGreaterThan(0)
    await page.context().close()
  })
})
