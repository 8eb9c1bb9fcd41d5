/** What a change of policy, identity or models, or a kill, does to calls that are under way. */
import { once } from 'node:events'
import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import type { AuditEvent } from '../../../../api/contract/audit.ts'
import { keptForOneTest } from '../../../support/kept.ts'
import { openModelDoor, someone } from '../../../support/models/door.ts'
import { json, openProvider } from '../../../support/models/provider.ts'

const keep = keptForOneTest()
const ask = { model: 'backlot/default', messages: [{ role: 'user', content: 'hello' }] }

/** A door whose cloud model is `big-1` at `upstream`. */
const doorTo = async (
  upstream: Awaited<ReturnType<typeof openProvider>>,
  append: (event: AuditEvent) => Promise<void> = async () => undefined,
) =>
  keep(
    await openModelDoor({
      providers: [keep(upstream).as('cloudy')],
      assignments: [{ slot: 'cloud', provider: 'cloudy', model: 'big-1' }],
      append,
    }),
  )

describe('a change cuts off what it forbids', () => {
  async function streaming() {
    const upstream = await openProvider((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
    })
    const door = await doorTo(upstream)
    const answer = await door.post('/v1/chat/completions', ask)
    const reader = answer.body?.getReader()
    await reader?.read()
    return { door, upstream, ended: async () => expect(reader?.read()).rejects.toThrow() }
  }

  test.for([
    ['the label rises', { who: { ...someone, label: 'confidential' as const } }],
    ['nobody is behind the door any more', { who: null }],
    ['another person is behind the door', { who: { ...someone, person: 'pe_bbbbbbbbbbbbbbbb' as const } }],
    ['another model is assigned', { assignments: [{ slot: 'cloud' as const, provider: 'cloudy', model: 'big-2' }] }],
    ['the provider is removed', { providers: [] }],
  ] as const)('%s', async ([_what, change]) => {
    const { door, ended } = await streaming()
    door.models.rejudge()
    Object.assign(door.world, change)
    door.models.rejudge()
    await ended()
    expect((await door.until('model.call'))[0]).toMatchObject({ reason: 'killed', detail: { outcome: 'killed' } })
  })

  test.for([
    ['the label rises', { ...someone, label: 'confidential' as const }, 403],
    ['nobody is behind the door any more', null, 403],
  ] as const)('also for a call whose body is still on its way: %s', async ([_what, who, status]) => {
    const upstream = await openProvider((_request, response) => json(response, 200, {}))
    const door = await doorTo(upstream)
    const body = JSON.stringify(ask)
    const client = request(`${door.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-length': body.length, expect: '100-continue' },
    })
    const answered = once(client, 'response')
    client.flushHeaders()
    // The door has taken the request, and waits for its body.
    await once(client, 'continue')
    door.world.who = who
    door.models.rejudge()
    client.end(body)
    const [answer] = await answered
    answer.resume()
    expect(answer.statusCode).toBe(status)
    expect(upstream.seen).toHaveLength(0)
    expect(door.events).toMatchObject([{ decision: 'deny' }])
  })

  test('a kill ends every connection, to the sandbox and to the provider, and the next call works', async () => {
    const { door, ended } = await streaming()
    void door.models.closeAll('killed')
    await ended()
    await expect.poll(() => door.models.connections()).toBe(0)
    expect((await door.until('model.call'))[0]?.detail).toMatchObject({ outcome: 'killed' })
    expect((await door.post('/v1/chat/completions', ask)).status).toBe(200)
  })

  test('a kill while the intent is being committed: nothing leaves, and the log says so', async () => {
    const intent = Promise.withResolvers<void>()
    const held = { intents: 0 }
    const upstream = await openProvider((_request, response) => json(response, 200, {}))
    const door = await doorTo(upstream, async ({ kind }) => {
      if (kind !== 'model.request') return
      held.intents++
      await intent.promise
    })
    const answered = door.post('/v1/chat/completions', ask).catch(() => null)
    await expect.poll(() => held.intents).toBe(1)
    void door.models.closeAll('killed')
    intent.resolve()
    expect(await answered).toBeNull()
    expect((await door.until('model.call'))[0]).toMatchObject({ reason: 'killed', detail: { status: null } })
    expect(door.events.map(({ kind }) => kind)).toEqual(['model.request', 'model.call'])
    expect(upstream.seen).toEqual([])
  })
})
