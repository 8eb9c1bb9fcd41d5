import { describe, expect, test } from 'vitest'
import type { AuditEvent } from '../../../api/contract/audit.ts'
import { personId, prototypeId } from '../../../api/contract/ids.ts'
import { newId } from '../../../api/ids.ts'
import { createRefusals, type Refused } from '../../../api/server/http/refusals.ts'
import { until } from '../../support/until.ts'

const WINDOW_MS = 50

function refusedBy(person: string, change: Partial<Refused> = {}): Refused {
  const id = personId.parse(person)
  const detail = { method: 'GET', route: '/api/v1/prototypes/:id' }
  return { actor: { type: 'person', id }, person: id, correlation: 'x', ...detail, ...change }
}

function setUp({ failing = () => false, keys = 100 }: { failing?: () => boolean; keys?: number } = {}) {
  const log: AuditEvent[] = []
  const failures: unknown[] = []
  const append = async (event: AuditEvent) => {
    if (failing()) throw new Error('the log is away')
    log.push(event)
  }
  const refusals = createRefusals({
    append,
    onFailure: (error) => failures.push(error),
    windowMs: WINDOW_MS,
    maxKeys: keys,
  })
  const times = () => log.map(({ detail }) => ('times' in detail ? detail.times : null))
  return { refusals, log, failures, times }
}

describe('refusals', () => {
  test('the first is recorded at once, repetitions as one event with their number', async () => {
    const { refusals, times } = setUp()
    const person = newId('pe')
    for (let count = 0; count < 7; count++) await refusals.record(refusedBy(person))
    expect(times()).toEqual([1])
    await until('the repetitions are recorded', () => (times().length > 1 ? true : null))
    expect(times()).toEqual([1, 6])
  })

  test('who stops asking is forgotten, and begins anew', async () => {
    const { refusals, times } = setUp()
    const person = newId('pe')
    await refusals.record(refusedBy(person))
    await until('the window has ended', () => (refusals.counting() === 0 ? true : null))
    await refusals.record(refusedBy(person))
    expect(times()).toEqual([1, 1])
  })

  test.each([
    ['another person', () => refusedBy(newId('pe'))],
    ['another method', (person: string) => refusedBy(person, { method: 'DELETE' })],
    ['another route', (person: string) => refusedBy(person, { route: '/api/v1/people' })],
    ['another prototype', (person: string) => refusedBy(person, { prototype: prototypeId.parse(newId('pr')) })],
  ])('%s is another refusal', async (_what, other) => {
    const { refusals, times } = setUp()
    const person = newId('pe')
    await refusals.record(refusedBy(person))
    await refusals.record(other(person))
    expect(times()).toEqual([1, 1])
  })

  test('what the log did not take is counted on, and nothing is lost', async () => {
    const away = { now: false }
    const { refusals, times, failures } = setUp({ failing: () => away.now })
    const person = newId('pe')
    await refusals.record(refusedBy(person))
    await refusals.record(refusedBy(person))
    away.now = true
    await until('the log was asked in vain', () => (failures.length > 0 ? true : null))
    away.now = false
    await refusals.record(refusedBy(person))
    await refusals.close()
    expect(times()).toEqual([1, 2])
  })

  test('a first that the log does not take is counted with what follows', async () => {
    const away = { now: true }
    const { refusals, times } = setUp({ failing: () => away.now })
    const person = newId('pe')
    await refusals.record(refusedBy(person))
    away.now = false
    await refusals.record(refusedBy(person))
    await refusals.close()
    expect(times()).toEqual([2])
  })

  test('where too many are counted at once, each further one is recorded by itself', async () => {
    const { refusals, times } = setUp({ keys: 1 })
    await refusals.record(refusedBy(newId('pe')))
    const person = newId('pe')
    await refusals.record(refusedBy(person))
    await refusals.record(refusedBy(person))
    expect(times()).toEqual([1, 1, 1])
  })
})
