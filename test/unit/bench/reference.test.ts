import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { table } from '../../bench/figure.ts'
import { attempt, met, reference } from '../../bench/reference.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bl-path-'))
  vi.stubEnv('PATH', folder)
  writeFileSync(join(folder, 'tinyproxy'), '')
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

const figureOf = (compared: ReturnType<typeof reference>) => ({
  what: 'tunnels',
  ours: 42,
  reference: compared,
  unit: '/s',
  aim: '≥ tinyproxy',
  met: met(compared, (theirs) => 42 >= theirs),
})

describe('what a benchmark compares with', () => {
  test('stands in the table, and says whether the aim is met', async () => {
    const compared = reference(await attempt('tinyproxy', async () => ({ rate: 40 })), 'tinyproxy', ({ rate }) => rate)
    expect(table([figureOf(compared)])).toMatch(/tunnels +42\.0 +40\.0 \(tinyproxy\) .* met$/m)
  })

  test.each([
    ['is not installed', 'backlot-bench-absent', /not measured: .*apt-get install/],
    ['fails', 'tinyproxy', /not measured: tinyproxy: no port +\/s/],
  ])('costs its figure and not the run when it %s', async (_how, program, words) => {
    const broken = () => Promise.reject<{ rate: number }>(new Error('no port\n    at somewhere'))
    const compared = reference(await attempt(program, broken), program, ({ rate }) => rate)
    const shown = table([figureOf(compared)])
    expect(shown).toMatch(words)
    expect(shown).toMatch(/tunnels +42\.0/)
    expect(shown).not.toMatch(/ met$|\n\s+at /im)
  })
})
