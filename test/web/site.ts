/** The pages on a server of their own, without Docker: what a person with some roles sees in a browser. */
import { resolve } from 'node:path'
import type { BrowserContextOptions } from 'playwright-core'
import { preparePages } from '../../api/bin/prepare/pages.mjs'
import type { Role } from '../../api/contract/people.ts'
import { type PrototypeView, prototypeView } from '../../api/contract/prototypes.ts'
import { startServer, type TestServer } from '../support/server/server.ts'
import { until } from '../support/until.ts'
import { openBrowser, openPage } from './browser.ts'

const root = resolve(import.meta.dirname, '..', '..')
export type Person = Awaited<ReturnType<TestServer['personWith']>>

export async function openSite() {
  await preparePages(root, () => undefined)
  const server = await startServer({ withSequencer: true })
  const browser = await openBrowser()
  return {
    server,
    browser,
    /** Somebody who has chosen a password already: without one every page is the welcome. */
    async person(...roles: Role[]) {
      const person = await server.personWith(...roles)
      await server.db.updateTable('people').set({ password_hash: 'none' }).where('id', '=', person.id).execute()
      return person
    },
    /** A page of somebody who is signed in, at a path. */
    async visit(person: Person, path: string, options: BrowserContextOptions = {}) {
      const opened = await openPage(browser, options)
      const [name = '', value = ''] = person.cookie.split('=')
      await opened.page.context().addCookies([{ name, value, url: server.origin }])
      await opened.page.goto(`${server.origin}${path}`)
      return opened
    },
    async close() {
      await browser.close()
      await server.close()
    },
  }
}
export type Site = Awaited<ReturnType<typeof openSite>>

/** A prototype of this person that can be worked in. */
export async function prototypeOf(person: Person, title: string): Promise<PrototypeView> {
  const made = await person.ask('/api/v1/prototypes', { method: 'POST', body: { title, hypothesis: 'It is quicker.' } })
  const { id } = prototypeView.parse(made.json)
  return until(`${title} is ready`, async () => {
    const view = prototypeView.parse((await person.ask(`/api/v1/prototypes/${id}`)).json)
    return view.sandbox.state === 'claimed' ? view : null
  })
}
