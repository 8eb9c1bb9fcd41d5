import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { type AuditView, auditList, auditPlace, auditSubjects, auditView } from '../../../../api/contract/audit.ts'
import { apiTokenCreated } from '../../../../api/contract/people.ts'
import { newId } from '../../../../api/ids.ts'
import { startServer, type TestServer } from '../../../support/server/server.ts'
import { until } from '../../../support/until.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer({ withSequencer: true })
})
afterAll(() => server.close())

/** Follows the live log as a browser does. */
async function follow(
  cookie: string,
  {
    headers = {},
    ...query
  }: { after?: number; last?: number; headers?: Record<string, string>; [part: string]: unknown } = {},
) {
  const ending = new AbortController()
  const asked = Object.entries(query).map(([name, value]) => [name, String(value)])
  const response = await fetch(`${server.origin}/api/v1/audit/feed?${new URLSearchParams(asked)}`, {
    headers: { cookie, ...headers },
    signal: ending.signal,
  })
  const events: AuditView[] = []
  const ids: string[] = []
  const begun: Array<z.infer<typeof auditList>> = []
  const places: number[] = []
  const state = { ended: false }
  const reading = (async () => {
    const decoder = new TextDecoder()
    let text = ''
    for await (const piece of response.body ?? []) {
      text += decoder.decode(piece, { stream: true })
      const messages = text.split('\n\n')
      text = messages.pop() ?? ''
      for (const message of messages) {
        const data = /^data: (.*)$/m.exec(message)?.[1]
        if (data === undefined) continue
        const what = /^event: (.*)$/m.exec(message)?.[1]
        if (what === 'begin') begun.push(auditList.parse(JSON.parse(data)))
        if (what === 'place') places.push(auditPlace.parse(JSON.parse(data)).seq)
        if (what !== undefined) continue
        events.push(auditView.parse(JSON.parse(data)))
        ids.push(/^id: (.*)$/m.exec(message)?.[1] ?? '')
      }
    }
    state.ended = true
  })().catch(() => undefined)
  const close = async () => {
    ending.abort()
    await reading
  }
  return { response, events, begun, places, ids, ended: () => state.ended, close }
}
type Followed = Awaited<ReturnType<typeof follow>>
const untilSeen = (feed: Followed, holds: (event: AuditView) => boolean) =>
  until('the event arrives', () => feed.events.find(holds) ?? null)

/** Something that is recorded: a name of its own in the detail. */
async function happen(name: string) {
  const person = await server.personWith('pm')
  await person.ask('/api/v1/tokens', { method: 'POST', body: { name } })
}
const named = (name: string) => (event: AuditView) => event.kind === 'token.created' && event.detail.name === name

test('what happens is seen within a second, in order, once, with names for people', async () => {
  const security = await server.personWith('security')
  const feed = await follow(security.cookie)
  expect(feed.response.headers.get('content-type')).toBe('text/event-stream')
  const startedAt = performance.now()
  await happen('seen at once')
  const event = await untilSeen(feed, named('seen at once'))
  expect(performance.now() - startedAt).toBeLessThan(1000)
  expect(event.names.person).toMatch(/^Person /)
  await Promise.all(Array.from({ length: 20 }, (_, index) => happen(`many ${index}`)))
  for (let index = 0; index < 20; index += 1) await untilSeen(feed, named(`many ${index}`))
  const places = feed.events.map(({ seq }) => seq)
  expect(places).toEqual(Array.from(places, (_, index) => (places[0] ?? 0) + index))
  expect(feed.ids).toEqual(places.map(String))
  await feed.close()
})

test.each([
  ['after', (seq: number) => ({ after: seq })],
  ['Last-Event-ID, as a browser sends it', (seq: number) => ({ after: 0, headers: { 'last-event-id': String(seq) } })],
])('a reader that comes back with %s misses nothing and sees nothing twice', async (what, from) => {
  const security = await server.personWith('security')
  const first = await follow(security.cookie)
  await happen(`before ${what}`)
  const seen = await untilSeen(first, named(`before ${what}`))
  await first.close()
  await happen(`meanwhile ${what}`)
  const second = await follow(security.cookie, from(seen.seq))
  await untilSeen(second, named(`meanwhile ${what}`))
  expect(second.events[0]?.seq).toBe(seen.seq + 1)
  await second.close()
})

test('that somebody reads is recorded, once for each list and each time the live log is opened', async () => {
  const security = await server.personWith('security')
  await (await follow(security.cookie, { after: 3 })).close()
  await security.ask('/api/v1/audit/events?limit=2&decision=allow')
  const mine = (await server.events('audit.read')).filter((event) => event.person === security.id)
  expect(mine.map(({ detail }) => detail)).toEqual([
    { query: 'feed?after=3', rows: 0 },
    { query: 'list?limit=2&decision=allow', rows: 2 },
  ])
})

test.each([
  ['text=what%3F&limit=1', 'list?limit=1&text=what%3F'],
  ['text=what?&limit=1', 'list?limit=1&text=what%3F'],
  ['limit=1&text=%61', 'list?limit=1&text=a'],
  [`text=${encodeURIComponent('語'.repeat(200))}&decision=deny`, /&decision=deny&text=(%E8%AA%9E){200}$/],
])('what somebody looked for is recorded as it was understood, and whole (%#)', async (query, written) => {
  const security = await server.personWith('security')
  expect((await security.ask(`/api/v1/audit/events?${query}`)).status).toBe(200)
  const [event] = (await server.events('audit.read')).filter(({ person }) => person === security.id)
  expect(event?.detail.query).toEqual(typeof written === 'string' ? written : expect.stringMatching(written))
})

test('where a reader goes on from is recorded, also when its browser says it', async () => {
  const security = await server.personWith('security')
  await (await follow(security.cookie, { headers: { 'last-event-id': '2' } })).close()
  const [event] = (await server.events('audit.read')).filter(({ person }) => person === security.id)
  expect(event?.detail.query).toBe('feed?after=2')
})

test('a page that opens has the newest events and all that follow from one reading', async () => {
  const security = await server.personWith('security')
  await happen('before the page')
  const seen = await server.personWith('security')
  await until('it has its place', async () => {
    const list = auditList.parse((await seen.ask('/api/v1/audit/events?limit=1&text=before the page')).json)
    return list.items[0] ?? null
  })
  const feed = await follow(security.cookie, { last: 3 })
  const [first] = await until('it begins', () => (feed.begun.length > 0 ? feed.begun : null))
  await happen('after the page')
  await untilSeen(feed, named('after the page'))
  expect(first?.items).toHaveLength(3)
  expect(feed.begun).toHaveLength(1)
  const newest = first?.items[0]?.seq ?? 0
  expect(first?.items.map(({ seq }) => seq)).toEqual([newest, newest - 1, newest - 2])
  expect(feed.events.map(({ seq }) => seq)).toEqual(feed.events.map((_, index) => newest + 1 + index))
  const mine = (await server.events('audit.read')).filter((event) => event.person === security.id)
  expect(mine.map(({ detail }) => detail)).toEqual([{ query: 'feed?last=3', rows: 3 }])
  await feed.close()
})

test('the live log goes on with the filter that its beginning had, and tells how far it looked', async () => {
  const security = await server.personWith('security')
  await happen('splinter one')
  await until('it has its place', async () => {
    const list = auditList.parse((await security.ask('/api/v1/audit/events?text=splinter one&kind=token.created')).json)
    return list.items[0] ?? null
  })
  const feed = await follow(security.cookie, { last: 50, kind: 'token.created', text: 'SPLINTER' })
  const [first] = await until('it begins', () => (feed.begun.length > 0 ? feed.begun : null))
  expect(first?.items.map(({ detail }) => detail.name)).toContain('splinter one')
  await happen('hay')
  await happen('splinter two')
  const event = await untilSeen(feed, named('splinter two'))
  await happen('more hay')
  const passed = await until('it says how far it looked', () => feed.places.find((seq) => seq > event.seq) ?? null)
  expect(feed.events.map(({ detail }) => detail.name)).toEqual(['splinter two'])
  await feed.close()
  const again = await follow(security.cookie, { after: passed, kind: 'token.created', text: 'splinter' })
  await happen('splinter three')
  await untilSeen(again, named('splinter three'))
  expect(again.events).toHaveLength(1)
  expect(again.begun).toEqual([])
  await again.close()
  const feeds = (await server.events('audit.read'))
    .filter(({ person }) => person === security.id)
    .map(({ detail }) => String(detail.query))
    .filter((query) => query.startsWith('feed?'))
  expect(feeds).toEqual([
    'feed?last=50&kind=token.created&text=SPLINTER',
    `feed?after=${passed}&kind=token.created&text=splinter`,
  ])
})

test('times are taken as ISO 8601 and as milliseconds, and several kinds at once', async () => {
  const security = await server.personWith('security')
  await happen('timed')
  const ask = async (query: string) => auditList.parse((await security.ask(`/api/v1/audit/events?${query}`)).json)
  const event = await until(
    'it has its place',
    async () => (await ask('text=timed&kind=token.created')).items[0] ?? null,
  )
  const iso = encodeURIComponent(new Date(event.at).toISOString())
  expect((await ask(`text=timed&kind=token.created&since=${iso}`)).items).toHaveLength(1)
  expect((await ask(`text=timed&kind=token.created&until=${iso}`)).items).toEqual([])
  expect((await ask(`text=timed&kind=token.created&until=${event.at + 1}`)).items).toHaveLength(1)
  expect((await ask('text=timed&kind=kill.ordered&kind=token.created')).items).toHaveLength(1)
  expect((await ask('text=timed&kind=kill.ordered&kind=token.revoked')).items).toEqual([])
  expect((await security.ask('/api/v1/audit/events?since=yesterday')).status).toBe(400)
  expect((await security.ask('/api/v1/audit/events?kind=nonsense')).status).toBe(400)
  const queries = (await server.events('audit.read'))
    .filter(({ person }) => person === security.id)
    .map(({ detail }) => detail.query)
  expect(queries).toContain('list?limit=100&kind=kill.ordered&kind=token.created&text=timed')
})

test('whom and what the log can be asked about: everybody, and prototypes that were deleted too', async () => {
  const security = await server.personWith('security')
  const pm = await server.personWith('pm')
  const row = { hypothesis: '', label: 'internal', owner_id: pm.id, policy: 'standard' }
  await server.db
    .insertInto('prototypes')
    .values([
      { ...row, id: newId('pr'), title: 'Still there', removed_at: null },
      { ...row, id: newId('pr'), title: 'Gone \u202e', removed_at: new Date() },
    ])
    .execute()
  const { people, prototypes } = auditSubjects.parse((await security.ask('/api/v1/audit/subjects')).json)
  expect(people.map(({ id }) => id)).toEqual(expect.arrayContaining([pm.id, security.id]))
  expect(prototypes.map(({ title, removed }) => [title, removed])).toEqual(
    expect.arrayContaining([
      ['Still there', false],
      ['Gone \\u{202e}', true],
    ]),
  )
})

test.each([
  ['is disabled', (id: string) => ({ path: `/api/v1/people/${id}`, body: { disabled: true } })],
  ['loses the role', (id: string) => ({ path: `/api/v1/people/${id}`, body: { roles: ['pm'] } })],
])('the live log ends when its reader %s', async (_what, change) => {
  const [security, admin] = [await server.personWith('security', 'pm'), await server.personWith('admin')]
  const feed = await follow(security.cookie)
  const { path, body } = change(security.id)
  expect((await admin.ask(path, { method: 'PATCH', body })).status).toBe(200)
  await until('it has ended', () => feed.ended() || null)
})

test('the live log ends when its reader signs out', async () => {
  const security = await server.personWith('security')
  const feed = await follow(security.cookie)
  await security.ask('/api/v1/sessions', { method: 'DELETE' })
  await until('it has ended', () => feed.ended() || null)
})

test('the live log ends when the token that opened it is revoked', async () => {
  const security = await server.personWith('security')
  const made = await security.ask('/api/v1/tokens', { method: 'POST', body: { name: 'reader' } })
  const { token, apiToken } = apiTokenCreated.parse(made.json)
  const feed = await follow('', { headers: { authorization: `Bearer ${token}` } })
  expect(feed.response.status).toBe(200)
  await security.ask(`/api/v1/tokens/${apiToken.id}`, { method: 'DELETE' })
  await until('it has ended', () => feed.ended() || null)
})

test('asking only for its head opens no live log: nobody would end it', async () => {
  const security = await server.personWith('security')
  const { status } = await security.ask('/api/v1/audit/feed', { method: 'HEAD' })
  expect(status).toBe(404)
  expect((await server.events('audit.read')).filter(({ person }) => person === security.id)).toEqual([])
})

test('lists are filtered and go on from page to page', async () => {
  const security = await server.personWith('security')
  await happen('needle "in" a haystack')
  const page = async (query: string) => auditList.parse((await security.ask(`/api/v1/audit/events?${query}`)).json)
  await until('it has its place', async () =>
    (await page('text=NEEDLE&kind=token.created')).items.length === 1 ? true : null,
  )
  const newest = await page('limit=3')
  const next = await page(`limit=3&cursor=${newest.cursor}`)
  expect(next.items[0]?.seq).toBe((newest.items.at(-1)?.seq ?? 0) - 1)
  expect((await page('kind=audit.read&limit=5')).items.every(({ kind }) => kind === 'audit.read')).toBe(true)
  expect((await security.ask('/api/v1/audit/events?limit=100000')).status).toBe(400)
  expect((await security.ask("/api/v1/audit/events?text='%20OR%201=1--")).json).toEqual({ items: [], cursor: null })
})

test('secrets that go through the server are neither in its log nor in the audit (A12)', async () => {
  const canary = 'CANARY-9b1d4c7e2f'
  const person = await server.personWith('pm', 'admin', 'security')
  const each = [
    server.ask(`/api/v1/me?token=${canary}`, { headers: { authorization: `Bearer ${canary}` } }),
    server.ask('/api/v1/sessions', { method: 'POST', body: { email: 'a@example.org', password: canary } }),
    server.ask('/api/v1/sessions', { method: 'POST', body: { token: `bl_${canary}${canary}` } }),
    server.ask('/api/v1/me', { headers: { cookie: `backlot_session=${canary}` } }),
    person.ask('/api/v1/me', { method: 'PATCH', body: { password: canary, currentPassword: canary } }),
    person.ask('/api/v1/models/providers/acme', {
      method: 'PUT',
      body: { kind: 'openai', baseUrl: 'https://models.example.org', place: 'cloud', key: canary },
    }),
    person.ask('/api/v1/models/providers/acme', { method: 'PUT', body: { kind: 'nonsense', key: canary } }),
    person.ask(`/api/v1/sandboxes/sb_aaaaaaaaaaaaaaaa/terminals/main?ticket=${canary}`),
  ]
  const answers = await Promise.all(each)
  expect(answers.map(({ text }) => text).join('')).not.toContain(canary)
  expect(server.logged()).not.toContain(canary)
  const bodies = z
    .array(z.object({ body: z.string() }))
    .parse(await server.db.selectFrom('audit_events').select('body').execute())
  expect(bodies.map(({ body }) => body).join('')).not.toContain(canary)
})
