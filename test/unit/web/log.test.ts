import { describe, expect, test } from 'vitest'
import { type AuditKind, type AuditView, auditKind } from '../../../api/contract/audit.ts'
import {
  everything,
  type Filter,
  foldsRoutine,
  isFiltered,
  kindGroups,
  searchOf,
} from '../../../web/src/modules/audit/filter.ts'
import { atFirst, KEPT, type LogAction, nextLog, shownOf } from '../../../web/src/modules/audit/log-state.ts'
import { reasonWords } from '../../../web/src/modules/audit/reasons.ts'
import { foldRoutine } from '../../../web/src/modules/audit/routine.ts'
import { sentence, verdictOf } from '../../../web/src/modules/audit/words.ts'

const event = (seq: number, change: Partial<AuditView> = {}): AuditView => ({
  id: '01890000-0000-7000-8000-000000000000',
  seq,
  at: 1_760_000_000_000 + seq,
  kind: 'session.ended',
  actor: { type: 'system', id: 'server' },
  person: null,
  prototype: null,
  sandbox: null,
  decision: 'info',
  reason: 'signed-out',
  rule: null,
  policy: null,
  correlation: 'x',
  detail: {},
  names: { person: null, prototype: null },
  ...change,
})
const page = (seqs: number[], cursor: string | null = null) => ({ items: seqs.map((seq) => event(seq)), cursor })
const logAfter = (...actions: LogAction[]) => actions.reduce(nextLog, atFirst)
const seqs = (state: ReturnType<typeof logAfter>) => shownOf(state).map(({ seq }) => seq)
const asked: LogAction = { type: 'asked', search: 'a' }

describe('the log on the page', () => {
  test('what came stands before what was there, and what is older behind it', () => {
    const state = logAfter(
      asked,
      { type: 'begun', page: page([5, 4], '4') },
      { type: 'came', events: [event(6), event(7)] },
      { type: 'older', search: 'a', page: page([3, 2]) },
    )
    expect(seqs(state)).toEqual([7, 6, 5, 4, 3, 2])
    expect(state.cursor).toBeNull()
  })

  test('while paused, what comes waits; older events do not', () => {
    const paused = logAfter(
      asked,
      { type: 'begun', page: page([5], '5') },
      { type: 'paused', paused: true },
      { type: 'came', events: [event(6)] },
      { type: 'older', search: 'a', page: page([4]) },
    )
    expect(seqs(paused)).toEqual([5, 4])
    expect(seqs(nextLog(paused, { type: 'paused', paused: false }))).toEqual([6, 5, 4])
  })

  test('a search while paused shows what it finds, and pauses again behind it', () => {
    const state = logAfter(
      asked,
      { type: 'begun', page: page([5]) },
      { type: 'paused', paused: true },
      { type: 'asked', search: 'b' },
      { type: 'begun', page: page([9, 8]) },
      { type: 'came', events: [event(10)] },
    )
    expect(seqs(state)).toEqual([9, 8])
  })

  test('an answer to an earlier search is not shown', () => {
    const state = logAfter(
      asked,
      { type: 'begun', page: page([5], '5') },
      { type: 'looking-back' },
      { type: 'asked', search: 'b' },
      { type: 'begun', page: page([9], '9') },
      { type: 'older', search: 'a', page: page([4]) },
    )
    expect(seqs(state)).toEqual([9])
    expect(state.cursor).toBe('9')
  })

  test('the page keeps so many, the newest', () => {
    const state = logAfter(
      asked,
      { type: 'begun', page: page([1]) },
      { type: 'came', events: Array.from({ length: KEPT }, (_, index) => event(index + 2)) },
    )
    expect(state.events).toHaveLength(KEPT)
    expect(state.events[0]?.seq).toBe(KEPT + 1)
  })
})

describe('a filter', () => {
  const NOW = 1_760_000_000_000
  const moment = '2026-11-20T10:00'
  const rows: Array<[change: Partial<Filter>, search: string]> = [
    [{}, ''],
    [{ decision: 'deny' }, 'decision=deny'],
    [{ group: 'terminal' }, 'kind=terminal.opened&kind=terminal.attached&kind=terminal.closed'],
    [{ span: 'hour' }, `since=${NOW - 3_600_000}`],
    [{ span: 'between', from: moment }, `since=${Date.parse(moment)}`],
    [{ span: 'between', to: moment }, `until=${Date.parse(moment)}`],
    [{ span: 'between', from: 'half typ' }, ''],
    [{ text: '  a & b ' }, 'text=a+%26+b'],
    [{ text: '   ' }, ''],
    [{ person: 'pe_a', prototype: 'pr_b' }, 'person=pe_a&prototype=pr_b'],
  ]
  test.each(rows)('%j asks the server for %j', (change, search) => {
    expect(searchOf({ ...everything, ...change }, NOW)).toBe(search)
  })

  test('every kind is in exactly one group', () => {
    const all = Object.keys(kindGroups).flatMap((group) =>
      new URLSearchParams(searchOf({ ...everything, group }, NOW)).getAll('kind'),
    )
    expect(all.toSorted()).toEqual([...auditKind.options].toSorted())
  })

  test('nothing chosen is no filter; routine folds unless a text or a kind is looked for', () => {
    expect(isFiltered(everything)).toBe(false)
    expect(isFiltered({ ...everything, span: 'between' })).toBe(false)
    expect(foldsRoutine({ ...everything, decision: 'deny' })).toBe(true)
    expect(foldsRoutine({ ...everything, text: 'x' })).toBe(false)
    expect(foldsRoutine({ ...everything, group: 'audit' })).toBe(false)
  })
})

test('routine neighbours become one line: readings, windows that open, attempts of the proof', () => {
  const proof = { kind: 'egress.request', decision: 'deny', reason: 'no-rule', detail: { phase: 'proof' } } as const
  const lines = foldRoutine([
    event(9, { kind: 'audit.read' }),
    event(8, { kind: 'terminal.attached' }),
    event(7, proof),
    event(6, { kind: 'kill.ordered' }),
    event(5, { ...proof, detail: { phase: 'work' } }),
    event(4, { kind: 'audit.read' }),
  ])
  expect(lines.map((line) => (line.type === 'event' ? line.event.seq : line.events.map(({ seq }) => seq)))).toEqual([
    [9, 8, 7],
    6,
    5,
    [4],
  ])
})

describe('words', () => {
  test.each([
    ['no-rule', 'Not on the allowed list'],
    ['a-code-of-long-ago', 'a-code-of-long-ago'],
  ])('%s reads %s', (code, words) => {
    expect(reasonWords(code)).toBe(words)
  })

  const verdicts: Array<[decision: AuditView['decision'], reason: string, mark: string | null, why: string | null]> = [
    ['allow', 'allowed', 'Allowed', null],
    ['allow', 'rule', 'Allowed', 'A rule allows it'],
    ['deny', 'no-rule', 'Refused', 'Not on the allowed list'],
    ['info', 'completed', null, 'Completed'],
  ]
  test.each(verdicts)('%s, %s says one thing each', (decision, reason, mark, why) => {
    const verdict = verdictOf(event(1, { decision, reason }))
    expect([verdict.mark?.title ?? null, verdict.why]).toEqual([mark, why])
  })

  const asking = { method: 'GET', host: 'a.example', port: 80, path: '/x', phase: 'work', address: null, raw: null }
  const model = { path: '', alias: null, provider: null, model: null }
  const folded = (times: number, tookMs: number) => ({
    times,
    firstAt: 1_760_000_000_000,
    lastAt: 1_760_000_000_000 + tookMs,
  })
  const sentences: Array<[kind: AuditKind, detail: object, words: string]> = [
    ['sandbox.state', { from: 'proving', to: 'claimed', detail: null }, 'Sandbox ready'],
    ['sandbox.state', { from: null, to: 'a-state-of-long-ago', detail: 'x' }, 'Sandbox a-state-of-long-ago: x'],
    [
      'platform.hung',
      { program: 'gateway/1', silentMs: 2_000 },
      'gateway/1 did not answer for 2 s, so it was ended and started again',
    ],
    ['platform.started', { program: 'server', version: '0.1.0', unsafe: [] }, 'server 0.1.0 started'],
    ['audit.read', { query: 'feed?last=200', rows: 200 }, 'Follows the log, 200 rows'],
    ['audit.read', { nonsense: true }, 'audit.read'],
    ['egress.request', asking, 'GET a.example:80/x'],
    ['egress.request', { ...asking, query: 'token=[masked]' }, 'GET a.example:80/x?token=[masked]'],
    ['egress.request', { ...asking, folded: folded(4812, 60_000) }, 'GET a.example:80/x, 4,812 times in 60 s'],
    ['egress.request', { ...asking, folded: folded(2, 999) }, 'GET a.example:80/x, 2 times within a second'],
    ['egress.request', { ...asking, folded: folded(1, 0) }, 'GET a.example:80/x'],
    [
      'egress.request',
      { ...asking, host: '', raw: 'Different targets', folded: folded(120_311, 59_600) },
      'Different targets, 120,311 times in 60 s',
    ],
    ['egress.request', { ...asking, host: '', raw: '' }, 'A request that could not be read'],
    ['model.request', { ...model, folded: folded(70, 5_000) }, 'Asks a model, 70 times in 5 s'],
    [
      'porter.lost',
      { instance: 'i', folded: folded(12, 60_000) },
      'Lost the connection to the sandbox, 12 times in 60 s',
    ],
  ]
  test.each(sentences)('%s %j reads %s', (kind, detail, words) => {
    expect(sentence(event(1, { kind, detail: { ...detail } }))).toBe(words)
  })
})
