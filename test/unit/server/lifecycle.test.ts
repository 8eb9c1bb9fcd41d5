import { describe, expect, test } from 'vitest'
import { sandboxState } from '../../../api/contract/prototypes.ts'
import { checkTransition, legalTransitions } from '../../../api/server/sandboxes/lifecycle.ts'

const states = sandboxState.options

describe('the life of a sandbox', () => {
  test.each([
    ['building', 'starting', 'proving', 'ready', 'claimed', 'paused', 'claimed', 'stopped', 'removed'],
    ['building', 'starting', 'failed', 'building', 'starting'],
    ['claimed', 'stopped', 'starting', 'proving', 'claimed'],
    ['claimed', 'lost', 'building'],
    ['claimed', 'building', 'starting', 'building', 'starting', 'proving', 'building'],
  ] as const)('may go %s → %s → %s → …', (...path) => {
    for (const [index, to] of path.slice(1).entries()) {
      const from = path[index] ?? to
      expect(checkTransition(from, to)).toEqual({ ok: true, state: to })
    }
  })

  test.each([
    { from: 'building', to: 'claimed', why: 'nothing is claimed unproven' },
    { from: 'starting', to: 'ready', why: 'nothing is ready unproven' },
    { from: 'stopped', to: 'claimed', why: 'what stopped is proven again' },
    { from: 'failed', to: 'claimed', why: 'a failed proof is final' },
    { from: 'lost', to: 'claimed', why: 'what is gone cannot be used' },
    { from: 'removed', to: 'building', why: 'removed is the end' },
  ] as const)('never goes $from → $to: $why', ({ from, to }) => {
    expect(checkTransition(from, to)).toMatchObject({ ok: false, reason: expect.stringContaining(from) })
  })

  test('can be ended from every state but the end', () => {
    for (const from of states) expect(legalTransitions[from].includes('removed')).toBe(from !== 'removed')
  })

  test('reaches claimed only from ready, paused and proving', () => {
    expect(states.filter((from) => legalTransitions[from].includes('claimed'))).toEqual(['proving', 'ready', 'paused'])
  })
})
