import { mkdir } from 'node:fs/promises'
import net from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Appender, AuditUnavailable, appendIn, createAppender } from '../../../api/audit/append.ts'
import { auditEvent } from '../../../api/audit/event.ts'
import type { Reason } from '../../../api/contract/reasons.ts'
import { connect, type Store } from '../../../api/store/connect.ts'
import { type TestCluster, testCluster } from '../../support/database/cluster.ts'
import { until } from '../../support/until.ts'
import { sampleEvent } from './sample.ts'

const DEADLINE_MS = 700
/** What the timer may be late by on a busy machine. */
const SLACK_MS = 600

let cluster: TestCluster
let db: Store
let appender: Appender
beforeAll(async () => {
  cluster = await testCluster()
})
afterAll(() => cluster.close())
beforeEach(() => {
  db = connect(cluster.serverUrl, { max: 2 })
  appender = createAppender(cluster.gatewayUrl, { deadlineMs: DEADLINE_MS })
})
afterEach(async () => {
  await Promise.all([appender.close(), db.destroy()])
})

const stored = async (id: string) =>
  (await db.selectFrom('audit_events').select('id').where('id', '=', id).execute()).length
const recovered = () => until('the appender is healthy again', () => (appender.healthy() ? true : null))

test('an event is in the database when append resolves', async () => {
  const event = sampleEvent()
  await appender.append(event)
  expect(await stored(event.id)).toBe(1)
  expect(appender.healthy()).toBe(true)
})

test('a thousand at once are all stored, each once', async () => {
  const events = Array.from({ length: 1_000 }, () => sampleEvent())
  await Promise.all(events.map((event) => appender.append(event)))
  const ids = events.map(({ id }) => id)
  expect(await db.selectFrom('audit_events').select('id').where('id', 'in', ids).execute()).toHaveLength(1_000)
})

test('a sandbox that asks for five thousand at once holds up nobody else (G05)', async () => {
  const patient = createAppender(cluster.gatewayUrl, { deadlineMs: 20_000 })
  const [greedy, other] = ['sb_aaaaaaaaaaaaaaaa', 'sb_bbbbbbbbbbbbbbbb'] as const
  let stored = 0
  const flood = Array.from({ length: 5_000 }, async () => {
    await patient.append({ ...sampleEvent(), sandbox: greedy })
    stored++
  })
  await patient.append({ ...sampleEvent(), sandbox: other })
  expect(stored).toBeLessThan(1_500)
  await Promise.all(flood)
  await patient.close()
})

test('the same event twice is stored once', async () => {
  const event = sampleEvent()
  await Promise.all([appender.append(event), appender.append(event)])
  await appender.append(event)
  expect(await stored(event.id)).toBe(1)
})

const outages = [
  { what: 'frozen (A07)', begin: () => cluster.freeze(), end: () => cluster.thaw() },
  { what: 'killed', begin: () => cluster.kill(), end: () => cluster.start() },
]
test.each(outages)(
  'while PostgreSQL is $what, append is refused within the deadline; then it recovers by itself',
  async (outage) => {
    await appender.append(sampleEvent())
    await outage.begin()
    const started = performance.now()
    const refused = sampleEvent()
    await expect(appender.append(refused)).rejects.toBeInstanceOf(AuditUnavailable)
    expect(performance.now() - started).toBeLessThan(DEADLINE_MS + SLACK_MS)
    expect(appender.healthy()).toBe(false)
    await outage.end()
    await recovered()
    const accepted = sampleEvent()
    await appender.append(accepted)
    expect(await stored(accepted.id)).toBe(1)
    // Its fate was unknown: it may be there, and never twice.
    expect(await stored(refused.id)).toBeLessThanOrEqual(1)
  },
)

test('an outage that is shorter than the deadline is not noticed', async () => {
  const patient = createAppender(cluster.gatewayUrl, { deadlineMs: 15_000 })
  await patient.append(sampleEvent())
  await cluster.kill()
  const event = sampleEvent()
  const pending = patient.append(event)
  await cluster.start()
  await pending
  expect(await stored(event.id)).toBe(1)
  await patient.close()
})

test('without a database from the start, append is refused within the deadline', async () => {
  const lost = createAppender(cluster.gatewayUrl.replace('host=', 'host=%2Fnowhere'), { deadlineMs: 200 })
  expect(lost.healthy()).toBe(false)
  await expect(lost.append(sampleEvent())).rejects.toBeInstanceOf(AuditUnavailable)
  await lost.close()
})

/** Which end is cut off decides whether the batch was stored; either way it must be there once in the end. */
const cuts = [
  { what: 'before it reaches PostgreSQL: failed and not persisted', deliver: false },
  { what: 'before its answer comes back: failed but persisted', deliver: true },
]
test.each(cuts)('a batch that is cut off $what, is stored once', async ({ deliver }) => {
  const cutter = await cuttingProxy(deliver)
  const proxied = createAppender(cutter.urlOf(cluster.gatewayUrl), { deadlineMs: 10_000 })
  await proxied.append(sampleEvent())
  cutter.arm()
  const event = sampleEvent()
  await proxied.append(event)
  expect(cutter.cuts()).toBe(1)
  expect(await stored(event.id)).toBe(1)
  await proxied.close()
  await cutter.close()
})

test('an event that the database refuses is refused alone', async () => {
  // No event of auditEvent holds a NUL; jsonb refuses it.
  const poison = { ...sampleEvent(), correlation: 'nul \u0000' }
  const good = Array.from({ length: 5 }, () => sampleEvent())
  const [refused, ...others] = await Promise.allSettled([poison, ...good].map((event) => appender.append(event)))
  expect(refused?.status).toBe('rejected')
  expect(others.map(({ status }) => status)).toEqual(good.map(() => 'fulfilled'))
  expect(appender.healthy()).toBe(true)
})

test('close waits for what was accepted, and takes no more', async () => {
  const closing = createAppender(cluster.gatewayUrl)
  const events = Array.from({ length: 20 }, () => sampleEvent())
  const pending = events.map((event) => closing.append(event))
  await closing.close()
  await Promise.all(pending)
  await expect(closing.append(sampleEvent())).rejects.toBeInstanceOf(AuditUnavailable)
})

test('appendIn shares the fate of the change that it describes', async () => {
  const event = (reason: Reason) =>
    auditEvent('session.ended', { actor: { type: 'system', id: 'server' }, decision: 'info', reason, detail: {} })
  const kept = event('signed-out')
  const undone = event('killed')
  await db.transaction().execute((transaction) => appendIn(transaction, kept))
  const failed = db.transaction().execute(async (transaction) => {
    await appendIn(transaction, undone)
    throw new Error('the change failed')
  })
  await expect(failed).rejects.toThrow('the change failed')
  expect([await stored(kept.id), await stored(undone.id)]).toEqual([1, 0])
})

/** Stands between the appender and PostgreSQL and, once armed, cuts the next batch off, after delivering it or before. */
async function cuttingProxy(deliver: boolean) {
  const directory = join(cluster.socketDirectory, '..', `proxy-${deliver}`)
  await mkdir(directory)
  const state = { armed: false, cuts: 0 }
  const server = net.createServer((client) => {
    const upstream = net.connect(join(cluster.socketDirectory, '.s.PGSQL.5432'))
    const cut = () => {
      client.destroy()
      upstream.destroy()
    }
    client.on('error', cut).on('close', cut)
    upstream.on('error', cut).on('close', cut)
    let swallow = false
    client.on('data', (bytes) => {
      if (!state.armed) return upstream.write(bytes)
      state.armed = false
      state.cuts += 1
      if (!deliver) return cut()
      swallow = true
      return upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      // PostgreSQL answers after the commit.
      if (swallow) cut()
      else client.write(bytes)
    })
  })
  await new Promise<void>((resolve) => server.listen(join(directory, '.s.PGSQL.5432'), resolve))
  return {
    urlOf: (url: string) => url.replace(/host=.*$/, `host=${encodeURIComponent(directory)}`),
    arm: () => {
      state.armed = true
    },
    cuts: () => state.cuts,
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}
