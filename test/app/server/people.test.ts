import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { sandboxId } from '../../../api/contract/ids.ts'
import { apiTokenCreated, invited, me, peopleList } from '../../../api/contract/people.ts'
import type { Caller } from '../../../api/server/http/route.ts'
import { createSignInLink, firstSignInLink } from '../../../api/server/people/sign-in/links.ts'
import { findBySession, findByToken, stillHolds } from '../../../api/server/people/sign-in/sessions.ts'
import { startServer, type TestServer } from '../../support/server/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.close())

const PASSWORD = 'correct horse battery'
const signIn = (body: unknown, headers: Record<string, string> = {}) =>
  server.ask('/api/v1/sessions', { method: 'POST', body, headers })
const cookieOf = ({ headers }: { headers: Headers }) => headers.getSetCookie()[0]?.split(';')[0] ?? ''
const tokenIn = (link: string) => new URL(link).hash.replace('#token=', '')

/** Somebody who came by an invitation and chose a password. */
async function invitedPerson(roles: string[] = ['pm']) {
  const admin = await server.personWith('admin')
  const email = `i${Math.random().toString(36).slice(2)}@example.org`
  const { json } = await admin.ask('/api/v1/people', { method: 'POST', body: { email, name: 'Invited', roles } })
  const { person, link } = invited.parse(json)
  const first = await signIn({ token: tokenIn(link) })
  const cookie = cookieOf(first)
  const setUp = await server.ask('/api/v1/me', { method: 'PATCH', body: { password: PASSWORD }, headers: { cookie } })
  return { admin, id: person.id, email, token: tokenIn(link), first, setUp, cookie: cookieOf(setUp) }
}

describe('the first start', () => {
  test('a link is made for the first person until somebody has a password, and only the newest works', async () => {
    const before = await firstSignInLink(server.db, { always: false })
    const link = await firstSignInLink(server.db, { always: false })
    expect((await signIn({ token: before?.token })).status).toBe(401)
    const answer = await signIn({ token: link?.token })
    expect(answer.status).toBe(201)
    expect(me.parse(answer.json)).toMatchObject({
      person: { email: 'owner@localhost', roles: ['pm', 'security', 'admin'] },
      setupNeeded: true,
    })

    const cookie = cookieOf(answer)
    const body = { name: 'Ada', email: 'Ada@Example.org', password: PASSWORD }
    const setUp = await server.ask('/api/v1/me', { method: 'PATCH', body, headers: { cookie } })
    expect(me.parse(setUp.json)).toMatchObject({
      person: { name: 'Ada', email: 'ada@example.org' },
      setupNeeded: false,
    })
    expect(await firstSignInLink(server.db, { always: false })).toBeNull()
    const forced = await firstSignInLink(server.db, { always: true })
    expect(me.parse((await signIn({ token: forced?.token })).json)).toMatchObject({
      person: { name: 'Ada' },
      setupNeeded: false,
    })
  })
})

describe('sessions', () => {
  test('a link signs in once; of two that use it at the same moment one gets in', async () => {
    const admin = await server.personWith('admin')
    const { json } = await admin.ask('/api/v1/people', {
      method: 'POST',
      body: { email: 'twice@example.org', name: 'Twice', roles: ['pm'] },
    })
    const token = tokenIn(invited.parse(json).link)
    const answers = await Promise.all([signIn({ token }), signIn({ token }), signIn({ token })])
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 401, 401])
    expect((await signIn({ token })).status).toBe(401)
  })

  test('the cookie is out of reach for scripts and other sites, and is no identifier that the database holds', async () => {
    const { email } = await invitedPerson()
    const answer = await signIn({ email, password: PASSWORD })
    const cookie = answer.headers.getSetCookie()[0] ?? ''
    expect(cookie).toMatch(/^backlot_session=bs_[\w-]{43}; Path=\/; Expires=.*; HttpOnly; SameSite=Strict$/)
    const rows = await server.db.selectFrom('sessions').selectAll().execute()
    expect(JSON.stringify(rows)).not.toContain(cookie.slice(16, 40))
  })

  test('signing in again ends the session that the browser had', async () => {
    const { email, cookie } = await invitedPerson()
    const again = await signIn({ email, password: PASSWORD }, { cookie })
    expect(again.status).toBe(201)
    expect((await server.ask('/api/v1/me', { headers: { cookie } })).status).toBe(401)
    expect((await server.ask('/api/v1/me', { headers: { cookie: cookieOf(again) } })).status).toBe(200)
  })

  test('signing out ends it', async () => {
    const { cookie } = await invitedPerson()
    const out = await server.ask('/api/v1/sessions', { method: 'DELETE', headers: { cookie } })
    expect(out).toMatchObject({ status: 204, text: '' })
    expect((await server.ask('/api/v1/me', { headers: { cookie } })).status).toBe(401)
  })

  test.each([
    ['unused for 12 hours', { last_seen_at: new Date(Date.now() - 12 * 3_600_000 - 1000) }],
    ['older than 7 days', { expires_at: new Date(Date.now() - 1000) }],
  ])('a session %s is over', async (_what, change) => {
    const person = await server.personWith('pm')
    await server.db.updateTable('sessions').set(change).where('person_id', '=', person.id).execute()
    expect((await person.ask('/api/v1/me')).status).toBe(401)
  })
})

describe('guessing (U11)', () => {
  test('an unknown account and a wrong password look the same, and take the same time', async () => {
    const { email } = await invitedPerson()
    const timed = async (body: unknown) => {
      const startedAt = performance.now()
      const { status, json } = await signIn(body)
      const { error } = z.object({ error: z.object({ code: z.string(), message: z.string() }) }).parse(json)
      return { said: `${status} ${error.code} ${error.message}`, ms: performance.now() - startedAt }
    }
    const wrong = []
    const unknown = []
    for (let round = 0; round < 4; round += 1) {
      wrong.push(await timed({ email, password: 'wrong password' }))
      unknown.push(await timed({ email: 'nobody-of-us@example.org', password: 'wrong password' }))
    }
    expect(new Set([...wrong, ...unknown].map(({ said }) => said)).size).toBe(1)
    const fastest = (tries: { ms: number }[]) => Math.min(...tries.map(({ ms }) => ms))
    // What a hash costs is what would tell them apart: neither may be answered without one.
    expect(fastest(unknown)).toBeGreaterThan(fastest(wrong) / 3)
    expect(fastest(wrong)).toBeGreaterThan(fastest(unknown) / 3)
  })

  test('after five failures an account has to wait, the right password included; each refusal is in the log', async () => {
    const other = await startServer()
    const admin = await other.personWith('admin')
    const made = await admin.ask('/api/v1/people', {
      method: 'POST',
      body: { email: 'guessed@example.org', name: 'G', roles: ['pm'] },
    })
    const guess = (password: string) =>
      other.ask('/api/v1/sessions', { method: 'POST', body: { email: 'guessed@example.org', password } })
    const answers = await Promise.all(Array.from({ length: 12 }, () => guess('wrong password')))
    const throttled = answers.filter(({ status }) => status === 429)
    expect(throttled.length).toBe(7)
    expect(throttled[0]?.headers.get('retry-after')).toBe('1')
    expect((await guess(PASSWORD)).status).toBe(429)
    const refused = (await other.events('session.refused')).filter(({ reason }) => reason === 'wrong-credentials')
    expect(refused.length).toBe(5)
    expect(refused[0]).toMatchObject({
      decision: 'deny',
      detail: { email: 'guessed@example.org', address: '127.0.0.1' },
    })
    expect(made.status).toBe(201)
    await other.close()
  })
})

describe('guesses that have to wait are in the log, counted for each sender and account', () => {
  const thrown = (server: TestServer) => async (email: string, password: string) =>
    (await server.ask('/api/v1/sessions', { method: 'POST', body: { email, password } })).status
  const throttledIn = async (server: TestServer) =>
    (await server.events('session.refused')).filter(({ reason }) => reason === 'throttled').map(({ detail }) => detail)

  test('once at the first, and the number of the others within the minute', async () => {
    const other = await startServer()
    const guess = thrown(other)
    for (const email of ['one@example.org', 'two@example.org']) {
      const statuses: number[] = []
      while (statuses.filter((status) => status === 429).length < 4) statuses.push(await guess(email, 'wrong password'))
      const detail = { email, address: '127.0.0.1', times: 1 }
      expect((await throttledIn(other)).filter((each) => each.email === email)).toEqual([detail])
    }
    await other.app.close()
    expect((await throttledIn(other)).map(({ email, times }) => [email, times])).toEqual([
      ['one@example.org', 1],
      ['two@example.org', 1],
      ['one@example.org', 3],
      ['two@example.org', 3],
    ])
    await other.close()
  })

  test('a sender that has to wait leaves one event, however many accounts it names', async () => {
    const other = await startServer()
    const guess = thrown(other)
    const waits = { count: 0 }
    for (let round = 0; waits.count < 5 && round < 60; round += 1)
      waits.count += (await guess(`nobody-${round}@example.org`, 'wrong password')) === 429 ? 1 : 0
    expect(waits.count).toBe(5)
    expect(await throttledIn(other)).toEqual([{ email: null, address: '127.0.0.1', times: 1 }])
    await other.close()
  })
})

describe('accounts', () => {
  test('setting up by a link is recorded; the link, the password and the cookie are nowhere in log or database', async () => {
    const { id, token, cookie, first } = await invitedPerson()
    expect(await server.events('session.created')).toContainEqual(
      expect.objectContaining({ person: id, detail: { by: 'link', address: '127.0.0.1' } }),
    )
    expect(await server.events('person.changed')).toContainEqual(
      expect.objectContaining({
        person: id,
        detail: { person: id, fields: ['password'], roles: ['pm'], disabled: false },
      }),
    )
    const audit = (await server.db.selectFrom('audit_events').select('body').execute()).map(({ body }) => body).join('')
    for (const secret of [token, PASSWORD, cookie.split('=')[1] ?? '', cookieOf(first).split('=')[1] ?? '']) {
      expect(secret.length).toBeGreaterThan(12)
      expect(server.logged()).not.toContain(secret)
      expect(audit).not.toContain(secret)
    }
  })

  test('a new password needs the present one, and ends every other session', async () => {
    const { email, cookie } = await invitedPerson()
    const elsewhere = cookieOf(await signIn({ email, password: PASSWORD }))
    const change = (body: unknown) => server.ask('/api/v1/me', { method: 'PATCH', body, headers: { cookie } })
    expect(await change({ password: 'another long password' })).toMatchObject({ status: 400 })
    expect(await change({ password: 'another long password', currentPassword: 'wrong' })).toMatchObject({ status: 400 })
    expect(await change({ email: 'thief@example.org' })).toMatchObject({ status: 400 })
    const changed = await change({ password: 'another long password', currentPassword: PASSWORD })
    expect(changed.status).toBe(200)
    for (const old of [cookie, elsewhere])
      expect((await server.ask('/api/v1/me', { headers: { cookie: old } })).status).toBe(401)
    expect((await server.ask('/api/v1/me', { headers: { cookie: cookieOf(changed) } })).status).toBe(200)
    expect((await signIn({ email, password: 'another long password' })).status).toBe(201)
  })

  /** A token, and a feed that is open by it; `ended` resolves when the server ends it. */
  async function withToken(headers: Record<string, string>) {
    const { json } = await server.ask('/api/v1/tokens', { method: 'POST', body: { name: 'ci' }, headers })
    const { token, apiToken } = apiTokenCreated.parse(json)
    const bearer = { authorization: `Bearer ${token}` }
    const feed = await fetch(`${server.origin}/api/v1/audit/feed`, { headers: { ...bearer, origin: server.origin } })
    expect(feed.status).toBe(200)
    const works = async () => (await server.ask('/api/v1/me', { headers: bearer })).status
    expect(await works()).toBe(200)
    // A stream that is cut off may end or fail; one that goes on does neither.
    const over = () => true
    return { id: apiToken.id, works, ended: feed.text().then(over, over) }
  }
  const revokedWith = async (token: string) =>
    (await server.events('token.revoked')).filter(({ detail }) => detail.token === token).map(({ reason }) => reason)

  test('U15 a new password ends the API tokens too, and what is open by them', async () => {
    const { cookie } = await invitedPerson(['pm', 'security'])
    const token = await withToken({ cookie })
    const name = await server.ask('/api/v1/me', { method: 'PATCH', body: { name: 'Only a name' }, headers: { cookie } })
    expect(name.status).toBe(200)
    expect(await token.works()).toBe(200)
    const body = { password: 'another long password', currentPassword: PASSWORD }
    expect((await server.ask('/api/v1/me', { method: 'PATCH', body, headers: { cookie } })).status).toBe(200)
    expect(await token.works()).toBe(401)
    expect(await token.ended).toBe(true)
    expect(await revokedWith(token.id)).toEqual(['own-account'])
  })

  test('a new link for somebody who lost the way in ends the API tokens; one that they make without a password ends with it', async () => {
    const { admin, id, cookie } = await invitedPerson(['pm', 'security'])
    const before = await withToken({ cookie })
    const { json } = await admin.ask(`/api/v1/people/${id}/link`, { method: 'POST' })
    expect(await before.works()).toBe(401)
    expect(await before.ended).toBe(true)
    expect(await revokedWith(before.id)).toEqual(['new-link'])
    const headers = { cookie: cookieOf(await signIn({ token: tokenIn(invited.parse(json).link) })) }
    const between = await withToken(headers)
    const set = await server.ask('/api/v1/me', { method: 'PATCH', body: { password: 'a third password' }, headers })
    expect(set.status).toBe(200)
    expect(await between.works()).toBe(401)
    expect(await between.ended).toBe(true)
  })

  test('two people cannot have one e-mail address', async () => {
    const admin = await server.personWith('admin')
    const taken = await server.personWith('pm')
    const answer = await admin.ask('/api/v1/people', {
      method: 'POST',
      body: { email: taken.email, name: 'Again', roles: ['pm'] },
    })
    expect(answer).toMatchObject({ status: 409, json: { error: { code: 'conflict' } } })
  })

  test('disabling ends sessions and tokens at once, cuts off the sandboxes, and is recorded', async () => {
    const { admin, id, email, cookie } = await invitedPerson()
    const { json } = await server.ask('/api/v1/tokens', { method: 'POST', body: { name: 'ci' }, headers: { cookie } })
    const bearer = { authorization: `Bearer ${apiTokenCreated.parse(json).token}` }
    expect((await server.ask('/api/v1/me', { headers: bearer })).status).toBe(200)
    const answer = await admin.ask(`/api/v1/people/${id}`, { method: 'PATCH', body: { disabled: true } })
    expect(answer).toMatchObject({ status: 200, json: { id, disabled: true } })
    expect((await server.ask('/api/v1/me', { headers: { cookie } })).status).toBe(401)
    expect((await server.ask('/api/v1/me', { headers: bearer })).status).toBe(401)
    expect((await signIn({ email, password: PASSWORD })).status).toBe(401)
    expect(server.peers.calls).toContainEqual({ method: 'POST', path: '/kill', body: { scope: 'person', id } })
    expect(await server.events('person.changed')).toContainEqual(
      expect.objectContaining({
        person: admin.id,
        detail: { person: id, fields: ['disabled'], roles: ['pm'], disabled: true },
      }),
    )
  })

  test('U16 losing the role pm cuts off what the person runs, after the change; another change of roles does not', async () => {
    const { admin, id, email } = await invitedPerson(['pm', 'security'])
    const cookie = cookieOf(await signIn({ email, password: PASSWORD }))
    const body = { title: 'Left behind' }
    const made = await server.ask('/api/v1/prototypes', { method: 'POST', body, headers: { cookie } })
    const { sandbox } = z.object({ sandbox: z.object({ id: z.string() }) }).parse(made.json)
    const stateOf = async () =>
      (await server.db.selectFrom('sandboxes').select('state').where('id', '=', sandbox.id).executeTakeFirst())?.state
    await expect.poll(stateOf).toMatch(/^(ready|claimed)$/)
    const cut = { method: 'POST', path: '/kill', body: { scope: 'person', id } }
    const rolesAtTheCut: string[][] = []
    server.peers.wishes.gateway = async ({ path }) => {
      if (path !== '/kill') return undefined
      const row = await server.db.selectFrom('people').select('roles').where('id', '=', id).executeTakeFirstOrThrow()
      rolesAtTheCut.push(row.roles)
      return undefined
    }
    const give = (roles: string[]) => admin.ask(`/api/v1/people/${id}`, { method: 'PATCH', body: { roles } })
    expect((await give(['pm'])).status).toBe(200)
    expect(server.peers.calls).not.toContainEqual(cut)
    expect((await give(['security'])).status).toBe(200)
    server.peers.wishes.gateway = () => undefined
    expect(server.peers.calls).toContainEqual(cut)
    expect(rolesAtTheCut).toEqual([['security']])
    expect(await stateOf()).toBe('stopped')
    const cause = { actor: { type: 'system', id: 'server' }, reason: 'asked-for', correlation: 'late' } as const
    await expect(server.sandboxes.start(sandboxId.parse(sandbox.id), cause)).rejects.toThrow()
    expect(await stateOf()).toBe('stopped')
    expect(await server.events('kill.ordered')).toContainEqual(
      expect.objectContaining({ person: admin.id, detail: { scope: 'person', target: id, why: null } }),
    )
  })

  test('who is let back in has a password, and nothing else of before: no session, no token, no link', async () => {
    const { admin, id, cookie, email } = await invitedPerson()
    const { json } = await server.ask('/api/v1/tokens', { method: 'POST', body: { name: 'ci' }, headers: { cookie } })
    const bearer = { authorization: `Bearer ${apiTokenCreated.parse(json).token}` }
    const link = await server.db.transaction().execute((trx) => {
      const by = { actor: { type: 'system', id: 'launcher' }, reason: 'command-line', correlation: 'x' } as const
      return createSignInLink(trx, { id, email, roles: ['pm'] }, by)
    })
    for (const disabled of [true, false])
      expect((await admin.ask(`/api/v1/people/${id}`, { method: 'PATCH', body: { disabled } })).status).toBe(200)
    expect((await server.ask('/api/v1/me', { headers: { cookie } })).status).toBe(401)
    expect((await server.ask('/api/v1/me', { headers: bearer })).status).toBe(401)
    expect((await signIn({ token: link.token })).status).toBe(401)
    expect((await signIn({ email, password: PASSWORD })).status).toBe(201)
  })

  test('roles count from the next request on', async () => {
    const { admin, id, email } = await invitedPerson(['pm', 'security'])
    const cookie = cookieOf(await signIn({ email, password: PASSWORD }))
    expect((await server.ask('/api/v1/audit/events', { headers: { cookie } })).status).toBe(200)
    await admin.ask(`/api/v1/people/${id}`, { method: 'PATCH', body: { roles: ['pm'] } })
    const again = cookieOf(await signIn({ email, password: PASSWORD }))
    expect((await server.ask('/api/v1/audit/events', { headers: { cookie: again } })).status).toBe(404)
  })

  test('a new link for somebody who lost the way in takes the old password away', async () => {
    const { admin, id, email } = await invitedPerson()
    const { json } = await admin.ask(`/api/v1/people/${id}/link`, { method: 'POST' })
    expect((await signIn({ email, password: PASSWORD })).status).toBe(401)
    const back = await signIn({ token: tokenIn(invited.parse(json).link) })
    expect(me.parse(back.json)).toMatchObject({ person: { id }, setupNeeded: true })
  })

  test('the last admin stays, and who was invited and never came is none', async () => {
    const other = await startServer()
    const admin = await other.personWith('admin')
    for (const body of [{ disabled: true }, { roles: ['pm'] }]) {
      const answer = await admin.ask(`/api/v1/people/${admin.id}`, { method: 'PATCH', body })
      expect(answer).toMatchObject({ status: 409, json: { error: { code: 'conflict' } } })
    }
    const invitation = { name: 'Bo', email: 'bo@example.org', roles: ['admin'] }
    expect((await admin.ask('/api/v1/people', { method: 'POST', body: invitation })).status).toBe(201)
    const leaving = { method: 'PATCH', body: { roles: ['pm'] } }
    expect((await admin.ask(`/api/v1/people/${admin.id}`, leaving)).status).toBe(409)
    const second = await other.personWith('admin')
    expect((await second.ask(`/api/v1/people/${admin.id}`, { method: 'PATCH', body: { disabled: true } })).status).toBe(
      200,
    )
    expect(peopleList.parse((await second.ask('/api/v1/people')).json).items).toHaveLength(3)
    await other.close()
  })
})

describe('whether what somebody was let in by still holds', () => {
  const gone = { disabled_at: new Date() }
  const over = { expires_at: new Date(Date.now() - 1000) }
  const session = async (person: { id: string; cookie: string }): Promise<Caller | null> =>
    findBySession(server.db, person.cookie.replace('backlot_session=', ''))
  const token = async (person: Awaited<ReturnType<typeof server.personWith>>): Promise<Caller | null> => {
    const { json } = await person.ask('/api/v1/tokens', { method: 'POST', body: { name: 'live' } })
    return findByToken(server.db, apiTokenCreated.parse(json).token)
  }
  const people = (set: object) => (id: string) =>
    server.db.updateTable('people').set(set).where('id', '=', id).execute()
  const sessions = (set: object) => (id: string) =>
    server.db.updateTable('sessions').set(set).where('person_id', '=', id).execute()
  const tokens = (set: object) => (id: string) =>
    server.db.updateTable('api_tokens').set(set).where('person_id', '=', id).execute()

  test.each([
    ['a session', session, async () => undefined, true],
    ['a session that was not used but for this', session, sessions({ last_seen_at: new Date(0) }), true],
    ['a session that is over', session, sessions(over), false],
    ['a session of somebody who was disabled', session, people(gone), false],
    ['a session of somebody with another role more', session, people({ roles: ['pm', 'security', 'admin'] }), true],
    ['a session of somebody with a role less', session, people({ roles: ['pm'] }), false],
    ['a token', token, async () => undefined, true],
    ['a token that was revoked', token, tokens({ revoked_at: new Date() }), false],
    ['a token that is over', token, tokens(over), false],
    ['a token of somebody who was disabled', token, people(gone), false],
    ['a token of somebody with a role less', token, people({ roles: ['security'] }), false],
  ])('%s', async (_what, letIn, change, holds) => {
    const person = await server.personWith('pm', 'security')
    const caller = await letIn(person)
    await change(person.id)
    expect(caller && (await stillHolds(server.db, caller))).toBe(holds)
  })
})

describe('API tokens', () => {
  test('a token acts as its person until it is revoked, and cannot make others or change the account', async () => {
    const { cookie } = await invitedPerson()
    const made = await server.ask('/api/v1/tokens', { method: 'POST', body: { name: 'script' }, headers: { cookie } })
    const { token, apiToken } = apiTokenCreated.parse(made.json)
    expect(token).toMatch(/^bk_/)
    const headers = { authorization: `Bearer ${token}` }
    expect((await server.ask('/api/v1/me', { headers })).status).toBe(200)
    expect((await server.ask('/api/v1/tokens', { method: 'POST', body: { name: 'more' }, headers })).status).toBe(400)
    expect(
      (await server.ask('/api/v1/me', { method: 'PATCH', body: { password: 'a new long password' }, headers })).status,
    ).toBe(400)
    const stranger = await server.personWith('pm', 'admin')
    expect((await stranger.ask(`/api/v1/tokens/${apiToken.id}`, { method: 'DELETE' })).status).toBe(404)
    expect((await server.ask(`/api/v1/tokens/${apiToken.id}`, { method: 'DELETE', headers: { cookie } })).status).toBe(
      204,
    )
    expect((await server.ask('/api/v1/me', { headers })).status).toBe(401)
  })

  test('an expired token is nobody, and a wrong one does not fall back on the cookie', async () => {
    const { cookie } = await invitedPerson()
    const made = await server.ask('/api/v1/tokens', {
      method: 'POST',
      body: { name: 'old', expiresInDays: 1 },
      headers: { cookie },
    })
    const { token, apiToken } = apiTokenCreated.parse(made.json)
    await server.db
      .updateTable('api_tokens')
      .set({ expires_at: new Date(Date.now() - 1000) })
      .where('id', '=', apiToken.id)
      .execute()
    expect((await server.ask('/api/v1/me', { headers: { authorization: `Bearer ${token}`, cookie } })).status).toBe(401)
  })
})
