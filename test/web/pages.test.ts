import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAppender } from '../../api/audit/append.ts'
import { auditEvent } from '../../api/audit/event.ts'
import type { Role } from '../../api/contract/people.ts'
import { standardPolicy } from '../support/server/server.ts'
import { until } from '../support/until.ts'
import { openSite, type Person, prototypeOf, type Site } from './site.ts'

const NOBODYS = 'pr_aaaaaaaaaaaaaaaa'

describe('pages', { timeout: 60_000 }, () => {
  let site: Site
  beforeAll(async () => {
    site = await openSite()
  })
  afterAll(() => site?.close())

  const refusalsOf = async ({ id }: Person) =>
    (await site.server.events('request.refused')).filter((event) => event.person === id)
  const readingsOf = async ({ id }: Person) =>
    (await site.server.events('audit.read')).filter((event) => event.person === id).map(({ detail }) => detail.query)

  test.each([
    ['that does not exist', async () => NOBODYS],
    ['of somebody else', async () => (await prototypeOf(await site.person('pm'), 'Private')).id],
  ])('a prototype %s says so, and is asked for once', async (_what, find) => {
    const person = await site.person('pm')
    const id = await find()
    const { page } = await site.visit(person, '/prototypes')
    await page.clock.install()
    let asked = 0
    page.on('response', (response) => {
      if (response.url().endsWith(`/api/v1/prototypes/${id}`)) asked += 1
    })
    await page.goto(`${site.server.origin}/prototypes/${id}`)
    await page.getByText('This prototype does not exist, or you do not have access to it.').waitFor()
    await page.clock.runFor(60_000)
    await page.getByRole('link', { name: 'Go to the home page' }).click()
    await page.getByRole('heading', { name: 'What do you want to find out?' }).waitFor()
    expect(asked).toBe(1)
    expect(await refusalsOf(person)).toHaveLength(1)
    await page.context().close()
  })

  test('whoever deletes their own prototype is refused nothing, and is told', async () => {
    const person = await site.person('pm')
    const { id } = await prototypeOf(person, 'Short-lived')
    const { page } = await site.visit(person, `/prototypes/${id}`)
    await page.getByRole('tab', { name: 'Main' }).waitFor()
    const asked: string[] = []
    await page.getByRole('button', { name: 'More about this prototype' }).click()
    await page.getByRole('menuitem', { name: 'Delete…' }).click()
    page.on('response', (response) => {
      if (response.status() >= 400) asked.push(`${response.status()} ${response.url()}`)
    })
    await page.clock.install()
    await page.getByRole('button', { name: 'Delete prototype' }).click()
    await page.getByText('Deleted Short-lived.').waitFor()
    await page.getByRole('heading', { name: 'Prototypes', level: 1 }).waitFor()
    await page.clock.runFor(60_000)
    await page.getByRole('heading', { name: 'What do you want to find out?' }).waitFor()
    expect(asked.filter((each) => each.startsWith('404'))).toEqual([])
    expect(await refusalsOf(person)).toEqual([])
    await page.context().close()
  })

  test('a prototype that could not be deleted is there again', async () => {
    const person = await site.person('pm')
    const { id } = await prototypeOf(person, 'Stubborn')
    const { page } = await site.visit(person, `/prototypes/${id}`)
    await page.getByRole('tab', { name: 'Main' }).waitFor()
    await page.route(`**/api/v1/prototypes/${id}`, (route) =>
      route.request().method() === 'DELETE' ? route.abort() : route.continue(),
    )
    await page.getByRole('button', { name: 'More about this prototype' }).click()
    await page.getByRole('menuitem', { name: 'Delete…' }).click()
    await page.getByRole('button', { name: 'Delete prototype' }).click()
    await page.getByRole('alert').getByText('Backlot cannot be reached.').waitFor()
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('tab', { name: 'Main' }).waitFor()
    await page.context().close()
  })

  const offers: Array<[roles: Role[], home: string, places: string[]]> = [
    [['pm'], '/prototypes', ['Prototypes']],
    [['engineer'], '/prototypes', ['Prototypes']],
    [['security'], '/now', ['Now', 'Policies']],
    [['admin'], '/models', ['Models', 'People', 'Policies', 'Health']],
    [['security', 'admin'], '/now', ['Now', 'Models', 'People', 'Policies', 'Health']],
    [['pm', 'security', 'admin'], '/prototypes', ['Prototypes', 'Now', 'Models', 'People', 'Policies', 'Health']],
  ]
  test.each(offers)('%j begin at %s and are offered %j', async (roles, home, places) => {
    const person = await site.person(...roles)
    const { page, problems } = await site.visit(person, '/')
    await page.waitForURL(`**${home}`)
    await page.getByRole('heading', { level: 1 }).waitFor()
    const offered = await page.getByRole('navigation', { name: 'Main' }).getByRole('link').allInnerTexts()
    expect(offered.map((text) => text.trim())).toEqual(places)
    await page.keyboard.press('?')
    const dialog = page.getByRole('dialog', { name: 'Keyboard shortcuts' })
    await dialog.waitFor()
    expect(await dialog.locator('dt').allInnerTexts()).toEqual(expect.arrayContaining(places))
    expect(await dialog.getByText('Prototypes', { exact: true }).count()).toBe(places.includes('Prototypes') ? 1 : 0)
    await page.goto(`${site.server.origin}/prototypes`)
    await page.getByRole('heading', { level: 2 }).first().waitFor()
    expect(await page.getByRole('button', { name: 'New prototype' }).count()).toBe(roles.includes('pm') ? 1 : 0)
    expect(await refusalsOf(person)).toEqual([])
    expect(problems).toEqual([])
    await page.context().close()
  })

  test('security sees whose a prototype is, and no terminal, deletion or refusal', async () => {
    const owner = await site.person('pm')
    const { id } = await prototypeOf(owner, 'Somebody’s own')
    const security = await site.person('security')
    const { page } = await site.visit(security, `/prototypes/${id}`)
    await page.getByRole('heading', { name: /^This prototype belongs to Person/ }).waitFor()
    expect(await page.getByRole('tab').count()).toBe(0)
    expect(await page.getByRole('button', { name: 'More about this prototype' }).count()).toBe(0)
    expect(await refusalsOf(security)).toEqual([])
    await page.context().close()
  })

  test('a page of policies that is left open shows the version that is in force', async () => {
    const { page } = await site.visit(await site.person('security'), '/policies')
    await page.getByText('Version 1 is in force').waitFor()
    const { name } = standardPolicy
    const next = { ...standardPolicy, version: 2, hash: '1'.repeat(64), description: 'The second.' }
    await site.server.db
      .insertInto('policies')
      .values({
        name,
        version: 2,
        hash: next.hash,
        body: JSON.stringify(next),
        source: 'policy: standard',
        origin: 'file',
        file_hash: null,
        created_by: null,
      })
      .execute()
    await page.getByText('Version 2 is in force').waitFor()
    await page.getByText('The second.').waitFor()
    await page.context().close()
  })

  test('what the system calls an error is behind Details', async () => {
    const admin = await site.person('admin')
    await site.server.db
      .insertInto('providers')
      .values({ id: 'cellar', kind: 'openai', base_url: 'http://127.0.0.1:9', place: 'local', sealed_key: null })
      .execute()
    site.server.peers.wishes.gateway = ({ path }) =>
      new URL(path, 'http://gateway').pathname.endsWith('/test')
        ? { body: { ok: false, message: 'It could not be reached (ECONNREFUSED). Check the address.', models: [] } }
        : undefined
    const { page } = await site.visit(admin, '/models')
    await page.getByRole('button', { name: 'Test', exact: true }).click()
    await page.getByText('It could not be reached. Check the address.').waitFor()
    expect(await page.getByText('ECONNREFUSED').isVisible()).toBe(false)
    await page.getByText('Details').click()
    expect(await page.getByText('ECONNREFUSED').isVisible()).toBe(true)
    await page.context().close()
  })

  describe('Now', () => {
    let security: Person
    const row = (page: Page, text: string) => page.locator('[data-kind]').getByText(text).first()

    beforeAll(async () => {
      security = await site.person('security')
      const appender = createAppender(site.server.database.gatewayUrl)
      const old = await site.person('pm')
      for (let number = 0; number < 450; number += 1) {
        const host = number === 0 ? 'needle.example' : `hay-${number}.example`
        const detail = { method: 'GET', host, port: 443, path: '/', phase: 'work', address: null, raw: null } as const
        await appender.append(
          auditEvent('egress.request', {
            actor: { type: 'system', id: 'gateway' },
            person: old.id,
            decision: 'deny',
            reason: 'no-rule',
            detail,
          }),
        )
      }
      await appender.close()
      await until('they have their places', async () => {
        const answer = await security.ask('/api/v1/audit/events?limit=1&text=hay-449.example')
        return answer.text.includes('hay-449') || null
      })
    })

    test('opens with one reading of the log', async () => {
      const reader = await site.person('security')
      const { page } = await site.visit(reader, '/now')
      await page.getByText('Live', { exact: true }).waitFor()
      await row(page, 'hay-449.example').waitFor()
      expect(await readingsOf(reader)).toEqual(['feed?last=200'])
      await page
        .getByRole('button', { name: /routine entr/ })
        .first()
        .waitFor()
      await page.context().close()
    })

    test('finds on the server what the page never loaded, and goes on live with the same search', async () => {
      const { page } = await site.visit(security, '/now')
      await row(page, 'hay-449.example').waitFor()
      expect(await page.getByText('needle.example').count()).toBe(0)
      await page.getByRole('textbox', { name: 'Text' }).fill('NEEDLE.ex')
      await row(page, 'needle.example').waitFor()
      await page.getByText('These are all matches in the whole log.').waitFor()
      expect(await page.locator('[data-kind="egress.request"]').count()).toBe(1)
      await page.getByRole('textbox', { name: 'Text' }).fill('only later')
      await page.getByRole('heading', { name: 'No match in the whole log' }).waitFor()
      const pm = await site.person('pm')
      await pm.ask('/api/v1/tokens', { method: 'POST', body: { name: 'only later' } })
      await row(page, 'only later').waitFor()
      await page.context().close()
    })

    test('goes back to older matches', async () => {
      const { page } = await site.visit(security, '/now')
      await page.getByRole('combobox', { name: 'Kind' }).selectOption('Network')
      await row(page, 'hay-449.example').waitFor()
      for (const last of ['hay-50.example', 'needle.example']) {
        await page.getByRole('button', { name: 'Show older matches' }).click()
        await row(page, last).waitFor()
      }
      expect(await page.locator('[data-kind="egress.request"]').count()).toBe(450)
      await page.getByText('These are all matches in the whole log.').waitFor()
      await page.context().close()
    })

    test('offers people who did nothing that is loaded, and times', async () => {
      const quiet = await site.person('pm')
      const { page } = await site.visit(security, '/now')
      await page.getByRole('combobox', { name: 'Person' }).selectOption(quiet.id)
      await page.getByRole('heading', { name: 'No match in the whole log' }).waitFor()
      await page.getByRole('combobox', { name: 'Time' }).selectOption('Last hour')
      await page.getByRole('heading', { name: 'No match in this time' }).waitFor()
      await page.getByRole('button', { name: 'Show everything' }).click()
      await row(page, 'hay-449.example').waitFor()
      await page.context().close()
    })

    test('a refusal reads in words; its code is in the drawer only', async () => {
      const { page } = await site.visit(security, '/now')
      const first = page.locator('[data-kind="egress.request"]').first()
      await first.getByText('Not on the allowed list').waitFor()
      expect(await first.getByText('no-rule').count()).toBe(0)
      await first.getByRole('button').click()
      const drawer = page.getByRole('dialog', { name: /^Log entry \d+$/ })
      await drawer.getByText('no-rule').waitFor()
      await drawer.getByRole('heading', { name: 'Context' }).waitFor()
      await page.context().close()
    })

    test('routine folds away behind one line and can be opened', async () => {
      for (let number = 0; number < 3; number += 1) await security.ask('/api/v1/audit/events?limit=1')
      const { page } = await site.visit(security, '/now')
      const fold = page.getByRole('button', { name: /^[3-9]\d* routine entries|^1\d+ routine entries/ }).first()
      await fold.waitFor()
      expect(await page.locator('[data-kind="audit.read"]').count()).toBe(0)
      await fold.click()
      await page.locator('[data-kind="audit.read"]').first().waitFor()
      await page.context().close()
    })

    test('asks no more once the role is gone', async () => {
      const [leaver, admin] = [await site.person('security', 'pm'), await site.person('admin')]
      const { page } = await site.visit(leaver, '/now')
      await page.getByText('Live', { exact: true }).waitFor()
      let feeds = 0
      page.on('request', (request) => {
        if (request.url().includes('/audit/feed')) feeds += 1
      })
      const changed = await admin.ask(`/api/v1/people/${leaver.id}`, { method: 'PATCH', body: { roles: ['pm'] } })
      expect(changed.status).toBe(200)
      await page.getByRole('heading', { name: 'Sign in' }).waitFor()
      await page.clock.install()
      await page.clock.runFor(30_000)
      expect(feeds).toBeLessThanOrEqual(1)
      await page.context().close()
    })
  })
})
