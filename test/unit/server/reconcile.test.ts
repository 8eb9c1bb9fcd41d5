import { describe, expect, test } from 'vitest'
import type { RunnerSandbox } from '../../../api/contract/programs/runner.ts'
import { sandboxState } from '../../../api/contract/prototypes.ts'
import { reconcile } from '../../../api/server/sandboxes/reconcile.ts'

const id = 'sb_aaaaaaaaaaaaaaaa' as const
const other = 'sb_bbbbbbbbbbbbbbbb' as const
const container = (state: RunnerSandbox['state'], name: RunnerSandbox['id'] = id): RunnerSandbox => ({
  id: name,
  container: 'c',
  image: 'i',
  state,
  exitCode: null,
  oomKilled: false,
})

describe('row × engine', () => {
  test.each([
    { row: 'claimed', engine: 'running', action: null },
    { row: 'claimed', engine: 'exited', action: 'restart' },
    { row: 'claimed', engine: 'created', action: 'restart' },
    { row: 'claimed', engine: 'paused', action: 'unpause' },
    { row: 'claimed', engine: null, action: 'lost' },
    { row: 'ready', engine: null, action: 'lost' },
    { row: 'paused', engine: 'paused', action: null },
    { row: 'paused', engine: 'running', action: 'pause' },
    { row: 'paused', engine: 'exited', action: 'stopped' },
    { row: 'paused', engine: null, action: 'lost' },
    { row: 'stopped', engine: 'exited', action: null },
    { row: 'stopped', engine: 'running', action: 'stop' },
    { row: 'stopped', engine: 'paused', action: 'stop' },
    { row: 'stopped', engine: null, action: 'lost' },
    { row: 'building', engine: null, action: 'begin-again' },
    { row: 'building', engine: 'running', action: 'make-anew' },
    { row: 'building', engine: 'exited', action: 'make-anew' },
    { row: 'starting', engine: 'running', action: 'begin-again' },
    { row: 'proving', engine: 'exited', action: 'begin-again' },
    { row: 'failed', engine: 'running', action: 'remove' },
    { row: 'failed', engine: null, action: null },
    { row: 'lost', engine: 'exited', action: 'remove' },
    { row: 'removed', engine: 'paused', action: 'remove' },
    { row: 'removed', engine: null, action: null },
  ] as const)('$row and $engine: $action', ({ row, engine, action }) => {
    const has = engine === null ? [] : [container(engine)]
    expect(reconcile(has, [{ id, state: row }])).toEqual(action === null ? [] : [{ id, action }])
  })
})

test('a container that no row knows is removed, before anything starts', () => {
  expect(reconcile([container('exited'), container('running', other)], [{ id, state: 'claimed' }])).toEqual([
    { id: other, action: 'remove' },
    { id, action: 'restart' },
  ])
})

test('nothing is done to a container and a row that agree, in any number', () => {
  expect(reconcile([], [])).toEqual([])
  expect(reconcile([container('running')], [{ id, state: 'claimed' }])).toEqual([])
})

test('every state of a row has an answer for every state of the engine', () => {
  for (const state of sandboxState.options)
    for (const engine of ['created', 'running', 'paused', 'exited'] as const)
      expect(reconcile([container(engine)], [{ id, state }]).length).toBeLessThanOrEqual(1)
})
