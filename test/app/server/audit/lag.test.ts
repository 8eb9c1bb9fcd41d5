/** That the log's places come late is seen where people look: /readyz, the live log, the log itself. */
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { canonicalJson } from '../../../../api/audit/canonical.ts'
import { createSequencer } from '../../../../api/audit/chain/sequence.ts'
import { auditLag } from '../../../../api/contract/audit.ts'
import { readiness } from '../../../../api/contract/health.ts'
import { startServer, type TestServer } from '../../../support/server/server.ts'
import { until } from '../../../support/until.ts'
import { sampleEvent } from '../../audit/sample.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.close())

const countOf = async (kind: string) =>
  (await server.db.selectFrom('audit_events').select('id').where('kind', '=', kind).execute()).length

test('an event that waits for its place is seen in /readyz and in the live log, and recorded once', async () => {
  await sql`INSERT INTO audit_events (body) VALUES (${canonicalJson(sampleEvent())})`.execute(server.db)
  // As if it had come a minute ago.
  await sql`UPDATE audit_unsequenced SET since = since - interval '1 minute'`.execute(server.db)
  const security = await server.personWith('security')
  const ending = new AbortController()
  const feed = await fetch(`${server.origin}/api/v1/audit/feed`, {
    headers: { cookie: security.cookie },
    signal: ending.signal,
  })
  const told = messagesOf(feed)
  expect((await told.next()).value?.behindMs).toBeGreaterThanOrEqual(60_000)
  const ready = await until('/readyz knows', async () => {
    const { json } = await server.ask('/readyz')
    const { log } = readiness.parse(json)
    return log && log.behindMs >= 60_000 ? log : null
  })
  expect(ready.waiting).toBeGreaterThan(0)
  await until('it is recorded', async () => ((await countOf('log.behind')) > 0 ? true : null))
  // It is told every second: five more are a few looks more.
  for (let looks = 0; looks < 3; looks += 1) await told.next()
  expect(await countOf('log.behind')).toBe(1)

  const sequencer = createSequencer(server.database.serverUrl)
  await until('the reader is told that all is well', async () =>
    (await told.next()).value?.behindMs === 0 ? true : null,
  )
  await until('the end is recorded', async () => ((await countOf('log.caught-up')) === 1 ? true : null))
  expect(await countOf('log.behind')).toBe(1)
  ending.abort()
  await sequencer.close()
})

async function* messagesOf(feed: Response) {
  let text = ''
  for await (const piece of feed.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += piece
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = /^event: lag\ndata: (.*)$/.exec(block)?.[1]
      if (data) yield auditLag.parse(JSON.parse(data))
    }
  }
}
