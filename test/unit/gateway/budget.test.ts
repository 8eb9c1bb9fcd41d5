import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { auditEvent } from '../../../api/audit/event.ts'
import { createOutbox } from '../../../api/audit/outbox.ts'
import type { AuditEvent, Folded } from '../../../api/contract/audit.ts'
import { type BudgetLimits, createEventBudget } from '../../../api/gateway/budget/budget.ts'
import type { Client } from '../../../api/gateway/budget/client.ts'
import type { Repeatable } from '../../../api/gateway/budget/folds.ts'
import { createPorterEvents } from '../../../api/gateway/porter/events.ts'
import { someone, somePolicy } from '../../support/models/door.ts'

const log = { warn: () => undefined, debug: () => undefined }
const START = Date.parse('2026-11-21T12:00:00Z')

/** A budget on a log that can be down, and that keeps what it took. */
function scripted({ burst = 200, perSecond = 10, ...limits }: Partial<BudgetLimits & Rate> = {}) {
  const state = { up: true, who: { ...someone, policy: { ...somePolicy, events: { burst, perSecond } } } }
  const written: AuditEvent[] = []
  const outbox = createOutbox({
    log,
    append: async (event) => {
      if (!state.up) throw new Error('the log is down')
      written.push(event)
    },
  })
  const sandbox: { id: typeof someone.sandbox; current(): typeof someone | null } = {
    id: someone.sandbox,
    current: () => state.who,
  }
  const budget = createEventBudget({ sandbox, outbox, limits })
  return { budget, outbox, state, sandbox, written }
}
interface Rate {
  burst: number
  perSecond: number
}

const refusal = (target: string, reason: 'no-rule' | 'host-metadata' = 'no-rule', times = 1): Repeatable => ({
  sort: `egress ${reason}`,
  target,
  times,
  describe: ({ what, folded }) =>
    auditEvent('egress.request', {
      actor: { type: 'sandbox', id: someone.sandbox },
      decision: 'deny',
      reason,
      detail: {
        method: '',
        host: what === 'many' ? '' : target,
        port: null,
        path: what === 'one' ? '/in/full' : null,
        phase: 'work',
        address: null,
        raw: null,
        ...(folded ? { folded } : {}),
      },
    }),
})
/** What each event says, as `host`, or `host ×times`. */
const said = (events: readonly AuditEvent[]) =>
  events.map((event) => {
    if (event.kind !== 'egress.request') return event.kind
    const { host, folded } = event.detail
    return folded ? `${host} ×${folded.times}` : host
  })
const timesOf = (events: readonly AuditEvent[]) =>
  events.reduce((sum, { detail }) => sum + ('folded' in detail && detail.folded ? detail.folded.times : 1), 0)
const foldsOf = (events: readonly AuditEvent[]): Folded[] =>
  events.flatMap(({ detail }) => ('folded' in detail && detail.folded ? [detail.folded] : []))

const staying: Client = { isGone: () => false, onGone: () => () => undefined }

beforeEach(() => {
  vi.useFakeTimers({ now: START, toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
})
afterEach(() => void vi.useRealTimers())

describe('what lets nothing out', () => {
  test('is written one by one and in full while nine tenths of the budget are left, and then counted', async () => {
    const { budget, written } = scripted()
    for (let turn = 0; turn < 5_000; turn++) expect(await budget.record(refusal('a.example'))).toBe(true)
    // A tenth of 200, and the first of those that are counted.
    expect(said(written)).toEqual(Array.from({ length: 21 }, () => 'a.example'))
    await vi.advanceTimersByTimeAsync(60_000)
    expect(said(written).slice(21)).toEqual(['a.example ×4979'])
    expect(timesOf(written)).toBe(5_000)
  })

  test('a count names the moments of the first and the last', async () => {
    const { budget, written } = scripted({ kept: 1 })
    await budget.record(refusal('a.example'))
    await vi.advanceTimersByTimeAsync(1_000)
    await budget.record(refusal('a.example'))
    await vi.advanceTimersByTimeAsync(20_000)
    await budget.record(refusal('a.example'))
    await vi.advanceTimersByTimeAsync(39_000)
    expect(foldsOf(written)).toEqual([{ times: 2, firstAt: START + 1_000, lastAt: START + 21_000 }])
  })

  test('of each reason and each target there is a count of its own, and of the target the first stands there at once', async () => {
    const { budget, written } = scripted({ kept: 1 })
    for (const target of ['a', 'b', 'a', 'a', 'b']) await budget.record(refusal(target))
    for (let turn = 0; turn < 3; turn++) await budget.record(refusal('a', 'host-metadata'))
    expect(said(written)).toEqual(['a', 'b', 'a'])
    await vi.advanceTimersByTimeAsync(60_000)
    expect(written.slice(3).map(({ reason }, at) => [reason, said(written)[3 + at]])).toEqual([
      ['no-rule', 'a ×2'],
      ['no-rule', 'b ×1'],
      ['host-metadata', 'a ×2'],
    ])
  })

  test('at a hundred thousand targets: few events, bounded memory, and an exact count', async () => {
    const { budget, written } = scripted({ kept: 1 })
    for (let turn = 0; turn < 100_000; turn++) await budget.record(refusal(`h${turn}.example`))
    await vi.advanceTimersByTimeAsync(60_000)
    expect(said(written).at(-1)).toBe(` ×${100_000 - 32}`)
    expect(written).toHaveLength(33)
    expect(timesOf(written)).toBe(100_000)
  })

  test('one that stands for several counts as many', async () => {
    const { budget, written } = scripted({ kept: 1 })
    for (const times of [20, 7, 1]) await budget.record(refusal('', 'no-rule', times))
    await vi.advanceTimersByTimeAsync(60_000)
    expect(foldsOf(written).map(({ times }) => times)).toEqual([20, 8])
  })

  test('counting begins anew after each minute, and costs nothing while there is nothing to count', async () => {
    const { budget, written } = scripted({ kept: 1 })
    for (let minute = 0; minute < 3; minute++) {
      for (let turn = 0; turn < 3; turn++) await budget.record(refusal('a'))
      await vi.advanceTimersByTimeAsync(60_000)
    }
    expect(said(written)).toEqual(['a', 'a ×2', 'a', 'a ×2', 'a', 'a ×2'])
    await vi.advanceTimersByTimeAsync(600_000)
    expect(written).toHaveLength(6)
  })

  test('closing writes every count at once; what comes behind it is written by itself', async () => {
    const { budget, outbox, written } = scripted({ kept: 1 })
    for (const target of ['a', 'a', 'b', 'b', 'b']) await budget.record(refusal(target))
    budget.close()
    await outbox.flush()
    expect(said(written).slice(2)).toEqual(['a ×1', 'b ×2'])
    await budget.record(refusal('a'))
    expect(said(written).at(-1)).toBe('a')
  })
})

describe('while the log is away', () => {
  test('so many wait, the others are counted, and all are there when it is back', async () => {
    const { budget, state, written } = scripted({ burst: 100_000, kept: 0, pending: 5 })
    state.up = false
    for (let turn = 0; turn < 5; turn++) expect(await budget.record(refusal('a'))).toBe(false)
    for (let turn = 0; turn < 3_000; turn++) expect(await budget.record(refusal(`h${turn % 50}`))).toBe(true)
    await vi.advanceTimersByTimeAsync(600_000)
    for (let turn = 0; turn < 3_000; turn++) await budget.record(refusal('a'))
    await vi.advanceTimersByTimeAsync(600_000)
    expect(written).toEqual([])
    state.up = true
    await vi.advanceTimersByTimeAsync(180_000)
    expect(timesOf(written)).toBe(6_005)
    expect(written.length).toBeLessThan(100)
  })

  test('closing gives what was counted to the outbox, whatever the log does', async () => {
    const { budget, outbox, state, written } = scripted({ kept: 1 })
    state.up = false
    for (let turn = 0; turn < 10; turn++) await budget.record(refusal('a'))
    budget.close()
    state.up = true
    const flushed = outbox.flush()
    await vi.advanceTimersByTimeAsync(1_000)
    await flushed
    expect(timesOf(written)).toBe(10)
  })
})

test('a porter that comes and goes without end: few events, and each coming and going is counted', async () => {
  const { budget, outbox, sandbox, written } = scripted()
  const record = createPorterEvents({ sandbox: { ...sandbox, owner: () => null }, budget })
  for (let turn = 0; turn < 1_000; turn++) {
    record({ type: 'connected', instance: 'one' })
    record({ type: 'lost', instance: 'one' })
    record({ type: 'refused' })
    record({ type: 'replaced', instance: `run-${turn}`, before: `run-${turn - 1}` })
  }
  budget.close()
  await vi.advanceTimersByTimeAsync(0)
  await outbox.flush()
  const of = (kind: AuditEvent['kind']) => timesOf(written.filter((event) => event.kind === kind))
  const kinds = ['porter.connected', 'porter.lost', 'porter.refused', 'porter.replaced'] as const
  expect(kinds.map(of)).toEqual([1_000, 1_000, 1_000, 1_000])
  expect(written.length).toBeLessThan(100)
})

describe('what is allowed', () => {
  const admitted = async ({ budget }: ReturnType<typeof scripted>, client = staying) => {
    const answer: { is: boolean | 'waits' } = { is: 'waits' }
    const asked = budget.admit(client).then((is) => {
      answer.is = is
    })
    await vi.advanceTimersByTimeAsync(0)
    return { answer, asked }
  }

  test('goes at once while its two events fit, then waits for its turn, and is refused where that is too far away', async () => {
    const at = scripted({ burst: 200, perSecond: 10, waitMs: 1_000 })
    for (let turn = 0; turn < 100; turn++) expect((await admitted(at)).answer.is).toBe(true)
    const late = []
    for (let turn = 0; turn < 20; turn++) late.push(await admitted(at))
    expect(late.map(({ answer }) => answer.is)).toEqual([
      ...Array.from({ length: 5 }, () => 'waits'),
      ...Array.from({ length: 15 }, () => false),
    ])
    await vi.advanceTimersByTimeAsync(1_000)
    expect(late.slice(0, 5).map(({ answer }) => answer.is)).toEqual(Array.from({ length: 5 }, () => true))
  })

  test('a flood of refusals leaves it its nine tenths', async () => {
    const at = scripted()
    for (let turn = 0; turn < 10_000; turn++) await at.budget.record(refusal('a'))
    for (let turn = 0; turn < 89; turn++) expect((await admitted(at)).answer.is).toBe(true)
  })

  test('a client that leaves lets go of everything at once, and is not served sooner when it comes again', async () => {
    const at = scripted({ burst: 200, perSecond: 2, waitMs: 10_000 })
    for (let turn = 0; turn < 100; turn++) await admitted(at)
    const leaving = new EventEmitter()
    const client: Client = {
      isGone: () => false,
      onGone(listener) {
        leaving.once('close', listener)
        return () => leaving.off('close', listener)
      },
    }
    const first = await admitted(at, client)
    leaving.emit('close')
    await first.asked
    expect([first.answer.is, leaving.listenerCount('close'), vi.getTimerCount()]).toEqual([false, 0, 0])
    const second = await admitted(at)
    await vi.advanceTimersByTimeAsync(1_900)
    expect(second.answer.is).toBe('waits')
    await vi.advanceTimersByTimeAsync(200)
    expect(second.answer.is).toBe(true)
  })

  test('a change of the policy holds at once; nobody behind the door fills nothing', async () => {
    const at = scripted({ burst: 200, perSecond: 5, waitMs: 0 })
    for (let turn = 0; turn < 100; turn++) await admitted(at)
    expect((await admitted(at)).answer.is).toBe(false)
    const current = at.sandbox.current
    at.sandbox.current = () => null
    expect((await admitted(at)).answer.is).toBe(false)
    at.sandbox.current = current
    expect((await admitted(at)).answer.is).toBe(false)
    at.state.who = { ...someone, policy: { ...somePolicy, events: { burst: 300, perSecond: 5 } } }
    expect((await admitted(at)).answer.is).toBe(true)
  })
})
