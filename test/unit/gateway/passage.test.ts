import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { auditEvent } from '../../../api/audit/event.ts'
import type { AuditEvent } from '../../../api/contract/audit.ts'
import type { DoorIdentity } from '../../../api/gateway/identity.ts'
import {
  createPassages,
  type PassageEvent,
  type PassageState,
  type Stop,
  transition,
} from '../../../api/gateway/passage.ts'
import { someone } from '../../support/models/door.ts'

const judged: PassageState = { is: 'judged' }
const intended: PassageState = { is: 'intended' }
const acting: PassageState = { is: 'acting' }
const stopping = (intent: 'pending' | 'durable'): PassageState => ({ is: 'stopping', why: 'killed', intent })
const over = (outcome: (PassageState & { is: 'over' })['outcome'], owed = false): PassageState => ({
  is: 'over',
  outcome,
  owed,
})
const recorded: PassageEvent = { type: 'recorded' }
const unrecorded: PassageEvent = { type: 'unrecorded' }
const act: PassageEvent = { type: 'act' }
const stop: PassageEvent = { type: 'stop', why: 'killed' }
const end: PassageEvent = { type: 'end', outcome: 'completed' }
const deny: PassageEvent = { type: 'deny' }

describe('one transition', () => {
  test.each<[string, PassageState, PassageEvent, PassageState, string | null]>([
    ['the intent is committed', judged, recorded, intended, null],
    [
      'the intent could not be recorded: nothing happens, nothing is written',
      judged,
      unrecorded,
      over('unrecorded'),
      null,
    ],
    ['nothing may leave before the intent is durable', judged, act, judged, null],
    ['stopped while the intent is being committed', judged, stop, stopping('pending'), 'cut'],
    ['ended while the intent is being committed: nothing is written yet', judged, end, over('completed', true), null],
    ['denied while the intent is being committed', judged, deny, over('denied'), 'write-denial'],

    ['something leaves', intended, act, acting, null],
    ['stopped before anything left', intended, stop, stopping('durable'), 'cut'],
    ['ended before anything left', intended, end, over('completed'), 'write-end'],
    ['denied late', intended, deny, over('denied'), 'write-denial'],
    ['the intent is reported twice', intended, recorded, intended, null],
    ['the intent is reported as lost after it was durable', intended, unrecorded, intended, null],

    ['stopped while it acts', acting, stop, stopping('durable'), 'cut'],
    ['ended', acting, end, over('completed'), 'write-end'],
    ['denied by what was seen only while it acts', acting, deny, over('denied'), 'write-denial'],

    [
      'stopped, then the intent is durable: it has yet to end',
      stopping('pending'),
      recorded,
      stopping('durable'),
      null,
    ],
    ['stopped, then the intent is lost', stopping('pending'), unrecorded, over('unrecorded'), null],
    ['stopped, and ended before the intent was durable', stopping('pending'), end, over('killed', true), null],
    ['stopped: nothing may leave any more', stopping('durable'), act, stopping('durable'), null],
    ['stopped twice: the first counts', stopping('durable'), { type: 'stop', why: 'limit' }, stopping('durable'), null],
    ['what the act says of itself after a stop does not count', stopping('durable'), end, over('killed'), 'write-end'],
    ['stopped, then denied by what was seen', stopping('durable'), deny, over('denied'), 'write-denial'],

    [
      'over before its intent was durable: the end is written then',
      over('killed', true),
      recorded,
      over('killed'),
      'write-end',
    ],
    ['over, and its intent is lost: there is nothing to close', over('killed', true), unrecorded, over('killed'), null],
    ['over, its intent pending, and ended again', over('killed', true), end, over('killed', true), null],
    ['ended twice', over('completed'), end, over('completed'), null],
    ['stopped after its end', over('completed'), stop, over('completed'), null],
    ['denied after its end', over('completed'), deny, over('completed'), null],
    ['acts after its end', over('completed'), act, over('completed'), null],
    ['denied, then the intent is durable: it is closed already', over('denied'), recorded, over('denied'), null],
  ])('%s', (_what, state, event, next, effect) => {
    expect(transition(state, event)).toEqual({ state: next, effect })
  })

  test('whatever comes in whatever order, each durable intent is closed once, and others never', () => {
    const events = [recorded, unrecorded, act, stop, end, deny]
    /** Every order of six events, with repetitions: 46 656. */
    for (let code = 0; code < events.length ** events.length; code++) {
      let state: PassageState = judged
      const written: (string | null)[] = []
      const seen: string[] = []
      for (let left = code, step = 0; step < events.length; step++, left = Math.floor(left / events.length)) {
        const event = events[left % events.length] ?? end
        // The log answers once.
        if ((event === recorded || event === unrecorded) && seen.includes('log')) continue
        seen.push(event === recorded || event === unrecorded ? 'log' : event.type)
        if (event === recorded) seen.push('durable')
        const next: ReturnType<typeof transition> = transition(state, event)
        if (next.effect?.startsWith('write')) written.push(next.effect)
        state = next.state
      }
      const closes = seen.includes('end') || seen.includes('deny')
      expect(written.length).toBeLessThanOrEqual(1)
      if (seen.includes('durable') && closes) expect(written).toHaveLength(1)
      if (!seen.includes('durable')) expect(written).not.toContain('write-end')
    }
  })
})

describe('a passage', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  const event = (reason: 'rule' | 'killed' | 'limit' | 'policy-change' | 'completed' | 'error'): AuditEvent =>
    auditEvent('egress.request', {
      actor: { type: 'sandbox', id: someone.sandbox },
      decision: 'info',
      reason,
      detail: { method: '', host: '', port: null, path: null, phase: 'work', address: null, raw: null },
    })

  function setUp(given: { endsAtMs?: number; limitMs?: number } = {}) {
    const log = Promise.withResolvers<void>()
    const state: { identity: DoorIdentity | null } = { identity: someone }
    const ends: string[] = []
    const cuts: Stop[] = []
    const errors: unknown[] = []
    const passages = createPassages({
      sandbox: { id: someone.sandbox, current: () => state.identity },
      append: () => log.promise,
      sendEnd: ({ reason }) => ends.push(reason),
      log: { warn: () => undefined, error: (error: unknown) => errors.push(error) },
    })
    const passage = passages.begin<'completed' | 'error'>({
      identity: someone,
      stillAllowed: ({ policy }) => policy.version === someone.policy.version,
      cut: (why) => cuts.push(why),
      describeEnd: (outcome) => {
        if (outcome === 'error') throw new Error('cannot be described')
        return event(outcome)
      },
      ...given,
    })
    const intend = () => passage.intend(event('rule'))
    return { log, state, ends, cuts, errors, passages, passage, intend }
  }

  test('intent, act, end', async () => {
    const { log, passage, passages, ends, intend } = setUp({ limitMs: 1_000 })
    expect(passage.act()).toBe(false)
    const recorded = intend()
    expect(passages.size()).toBe(1)
    log.resolve()
    expect(await recorded).toBe(true)
    expect(passage.act()).toBe(true)
    expect(passage.goesOn()).toBe(true)
    passage.end('completed')
    passage.end('completed')
    expect([passage.goesOn(), passages.size(), ends]).toEqual([false, 0, ['completed']])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('an intent that is not recorded: nothing may happen, and nothing is written', async () => {
    const { log, passage, passages, ends, intend } = setUp()
    log.reject(new Error('the log is down'))
    expect(await intend()).toBe(false)
    expect(passage.act()).toBe(false)
    passage.end('completed')
    expect([passages.size(), ends]).toEqual([0, []])
  })

  test('stopped while the intent is being committed: nothing leaves, and the log says so once it has the intent', async () => {
    const { log, passage, passages, ends, cuts, intend } = setUp()
    const recorded = intend()
    passages.stopAll('killed')
    passage.end('completed')
    expect([cuts, ends]).toEqual([['killed'], []])
    log.resolve()
    await recorded
    expect(passage.act()).toBe(false)
    expect(ends).toEqual(['killed'])
  })

  test('denied late: the denial closes the intent, and no end follows', async () => {
    const { log, passage, ends, intend } = setUp()
    log.resolve()
    await intend()
    passage.act()
    expect(passage.deny()).toBe(true)
    expect(passage.deny()).toBe(false)
    passage.end('completed')
    expect(ends).toEqual([])
  })

  test.each<[string, { endsAtMs?: number; limitMs?: number }, Stop]>([
    ['the longest that it may last', { limitMs: 500 }, 'limit'],
    ["the end of the policy's grant", { endsAtMs: 500, limitMs: 900 }, 'policy-change'],
    ['the longest, when the grant is longer', { endsAtMs: 900, limitMs: 500 }, 'limit'],
    ['the end of a grant without a limit', { endsAtMs: 500 }, 'policy-change'],
  ])('%s stops it', async (_what, { endsAtMs, limitMs }, why) => {
    vi.setSystemTime(0)
    const { cuts, passage } = setUp({
      ...(endsAtMs === undefined ? {} : { endsAtMs }),
      ...(limitMs === undefined ? {} : { limitMs }),
    })
    await vi.advanceTimersByTimeAsync(499)
    expect(cuts).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(cuts).toEqual([why])
    expect(passage.state()).toEqual({ is: 'stopping', why, intent: 'pending' })
  })

  test.each<[string, DoorIdentity | null, Stop[]]>([
    ['the same again keeps it', { ...someone }, []],
    ['what is no longer allowed', { ...someone, policy: { ...someone.policy, version: 99 } }, ['policy-change']],
    ['nobody behind the door', null, ['policy-change']],
    ['another person behind the door', { ...someone, person: 'pe_bbbbbbbbbbbbbbbb' }, ['policy-change']],
    ['another prototype behind the door', { ...someone, prototype: 'pr_bbbbbbbbbbbbbbbb' }, ['policy-change']],
  ])('judged again: %s', async (_what, identity, expected) => {
    const { state, passages, cuts } = setUp()
    state.identity = identity
    passages.rejudge()
    passages.rejudge()
    expect(cuts).toEqual(expected)
  })

  test('an end that cannot be described ends nevertheless, and is logged', async () => {
    const { log, passage, passages, errors, intend } = setUp()
    log.resolve()
    await intend()
    passage.end('error')
    expect([passages.size(), errors.length]).toEqual([0, 1])
  })
})
