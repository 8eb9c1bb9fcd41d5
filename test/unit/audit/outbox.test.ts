import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { auditEvent } from '../../../api/audit/event.ts'
import { createOutbox } from '../../../api/audit/outbox.ts'
import type { AuditEvent } from '../../../api/contract/audit.ts'

const log = { warn: () => undefined, debug: () => undefined }
const named = (raw: string): AuditEvent =>
  auditEvent('egress.request', {
    actor: { type: 'system', id: 'gateway' },
    decision: 'deny',
    reason: 'no-rule',
    detail: { method: '', host: '', port: null, path: null, phase: 'work', address: null, raw },
  })
const nameOf = (event: AuditEvent) => (event.kind === 'egress.request' ? event.detail.raw : null)

/** An outbox on a log that can be down, that keeps what it took, and that can be slow. */
function scripted() {
  const state: { up: boolean; hold: Promise<void> | null; never: string | null } = { up: true, hold: null, never: null }
  const tried: { name: string | null; id: string; atMs: number }[] = []
  const written: (string | null)[] = []
  const outbox = createOutbox({
    log,
    append: async (event) => {
      tried.push({ name: nameOf(event), id: event.id, atMs: Date.now() })
      await state.hold
      if (!state.up || nameOf(event) === state.never) throw new Error('the log is down')
      written.push(nameOf(event))
    },
  })
  return { outbox, state, tried, written }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('an end', () => {
  test('is written at once, and whoever waits learns that it is durable', async () => {
    const { outbox, written } = scripted()
    expect(await outbox.send(named('1'))).toBe(true)
    expect(written).toEqual(['1'])
  })

  test('that the log did not take is tried until it does, by the same id, after pauses that double up to a bound', async () => {
    const { outbox, state, tried, written } = scripted()
    state.up = false
    expect(await outbox.send(named('1'))).toBe(false)
    await vi.advanceTimersByTimeAsync(30_000)
    const pauses = tried.slice(1).map(({ atMs }, index) => atMs - (tried[index]?.atMs ?? 0))
    expect(pauses.slice(0, 10)).toEqual([50, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000])
    state.up = true
    await vi.advanceTimersByTimeAsync(60_000)
    expect(written).toEqual(['1'])
    expect(new Set(tried.map(({ id }) => id)).size).toBe(1)
  })

  test('is never dropped, however many there are', async () => {
    const { outbox, state, written } = scripted()
    state.up = false
    const names = Array.from({ length: 3_000 }, (_, index) => String(index))
    await Promise.all(names.map((name) => outbox.send(named(name))))
    state.up = true
    await vi.advanceTimersByTimeAsync(60_000)
    expect(new Set(written)).toEqual(new Set(names))
    expect(written).toHaveLength(names.length)
  })

  test('that is written late says so once, when it is in the log', async () => {
    const { outbox, state } = scripted()
    const stored: string[] = []
    await outbox.send(named('1'), () => stored.push('1'))
    state.up = false
    await outbox.send(named('2'), () => stored.push('2'))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(stored).toEqual(['1'])
    state.up = true
    await vi.advanceTimersByTimeAsync(60_000)
    expect(stored).toEqual(['1', '2'])
  })

  test('that the log never takes does not hold up the others', async () => {
    const { outbox, state, written } = scripted()
    state.never = 'bad'
    for (let index = 0; index < 60; index++) await outbox.send(named('bad'))
    state.up = false
    await outbox.send(named('good'))
    state.up = true
    await vi.advanceTimersByTimeAsync(10_000)
    expect(written).toEqual(['good'])
  })
})

describe('gathered events', () => {
  test('are handed to the log together, a little later', async () => {
    const { outbox, written } = scripted()
    outbox.gather(named('1'))
    await vi.advanceTimersByTimeAsync(15)
    outbox.gather(named('2'))
    expect(written).toEqual([])
    await vi.advanceTimersByTimeAsync(5)
    expect(written).toEqual(['1', '2'])
  })

  test('are tried until they are stored, like any other', async () => {
    const { outbox, state, written } = scripted()
    state.up = false
    outbox.gather(named('1'))
    await vi.advanceTimersByTimeAsync(1_000)
    state.up = true
    await vi.advanceTimersByTimeAsync(5_000)
    expect(written).toEqual(['1'])
  })
})

describe('flush', () => {
  test('resolves at once when nothing is owed', async () => {
    await scripted().outbox.flush()
  })

  test('hands over what was gathered, and waits until it is durable', async () => {
    const { outbox, state, written } = scripted()
    const release = Promise.withResolvers<void>()
    state.hold = release.promise
    outbox.gather(named('1'))
    void outbox.send(named('2'))
    const flushed = { yes: false }
    const flush = outbox.flush().then(() => {
      flushed.yes = true
    })
    await vi.advanceTimersByTimeAsync(100)
    expect(flushed.yes).toBe(false)
    release.resolve()
    await flush
    expect(written.toSorted()).toEqual(['1', '2'])
  })

  test('does not wait for the present pause to end', async () => {
    const { outbox, state, written } = scripted()
    state.up = false
    for (const name of ['1', '2', 'end']) await outbox.send(named(name))
    await vi.advanceTimersByTimeAsync(30_000)
    state.up = true
    const startedMs = Date.now()
    const flush = outbox.flush()
    await vi.advanceTimersByTimeAsync(10)
    await flush
    expect(Date.now() - startedMs).toBeLessThan(50)
    expect(written).toEqual(['1', '2', 'end'])
  })

  test('gives up after three seconds, and what is owed is still tried', async () => {
    const { outbox, state, written } = scripted()
    state.up = false
    await outbox.send(named('1'))
    const flush = outbox.flush()
    const startedMs = Date.now()
    await vi.advanceTimersByTimeAsync(3_000)
    await flush
    expect(Date.now() - startedMs).toBe(3_000)
    state.up = true
    await vi.advanceTimersByTimeAsync(10_000)
    expect(written).toEqual(['1'])
  })
})
