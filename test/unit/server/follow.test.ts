import { describe, expect, test } from 'vitest'
import { sandboxState } from '../../../api/contract/prototypes.ts'
import { type Following, following } from '../../../api/server/policies/follow.ts'

describe('a sandbox whose policy gets a new version', () => {
  test.each<[keyof typeof following, none: Following, narrows: Following, widens: Following]>([
    ['building', 'takes', 'takes', 'takes'],
    ['starting', 'takes', 'begins-again', 'begins-again'],
    ['proving', 'takes', 'begins-again', 'begins-again'],
    ['ready', 'takes', 'is-rebuilt', 'waits'],
    ['claimed', 'takes', 'is-rebuilt', 'waits'],
    ['paused', 'takes', 'is-stopped', 'waits'],
    ['stopped', 'takes', 'takes', 'takes'],
    ['failed', 'takes', 'takes', 'takes'],
    ['lost', 'takes', 'takes', 'takes'],
  ])('%s: %s, and where it narrows %s, where it widens %s', (state, none, narrows, widens) => {
    expect(following[state]).toEqual({ none, narrows, widens })
  })

  test('what has less than before is never in use', () => {
    for (const state of sandboxState.exclude(['removed']).options) expect(following[state].narrows).not.toBe('waits')
  })
})
