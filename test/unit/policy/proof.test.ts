import { describe, expect, test } from 'vitest'
import type { Runtime } from '../../../api/contract/programs/runner.ts'
import type { ProbeResult } from '../../../api/contract/prototypes.ts'
import { failuresOf, judgeProof, requiredProbes } from '../../../api/policy/proof.ts'

const at = new Date('2026-01-01T00:00:00Z')
const sound = requiredProbes.map((probe): ProbeResult => ({ probe, expected: 'refused', got: 'refused', detail: '' }))
const allowed = (got: ProbeResult['got']): ProbeResult => ({
  probe: 'allowed-host',
  expected: 'passed',
  got,
  detail: '',
})
const other = (got: ProbeResult['got']): ProbeResult => ({ ...allowed(got), probe: 'other-server-name' })
const shown = (got: ProbeResult['got']) =>
  sound.map((result) => (result.probe === 'porter-details' ? { ...result, got } : result))
const but = (change: Partial<ProbeResult>) =>
  sound.map((result, index) => (index === 4 ? { ...result, ...change } : result))

describe('a proof', () => {
  test.each([
    ['holds when everything was refused', sound, true],
    ['holds when the allowed host was reached', [...sound, allowed('passed')], true],
    ['holds when the allowed host cannot be reached today', [...sound, allowed('error')], true],
    ['fails when the allowed host was refused', [...sound, allowed('refused')], false],
    ['fails when one thing passed', but({ got: 'passed' }), false],
    ['fails when one thing went wrong in another way', but({ got: 'error' }), false],
    ['fails when the sandbox says that it expected that', but({ expected: 'passed', got: 'passed' }), false],
    ['fails when one thing was not tried', sound.slice(1), false],
    ['fails when nothing was tried', [], false],
    ['fails when another name was served', [...sound, other('passed')], false],
    ['holds when another name was refused', [...sound, other('refused')], true],
    ['holds when the host for the other name cannot be reached today', [...sound, other('error')], true],
    ['fails when the porter shows its open files', shown('passed'), false],
    ['fails when nobody looked at its open files', shown('error'), false],
    ['holds under gVisor, which shows them', shown('passed'), true, 'runsc'],
    ['fails under gVisor when the porter can be traced', but({ probe: 'porter-trace', got: 'passed' }), false, 'runsc'],
  ] as [string, ProbeResult[], boolean, Runtime?][])('%s', (_what, results, ok, runtime = 'runc') => {
    const proof = judgeProof(results, at, runtime)
    expect(proof.ok).toBe(ok)
    expect(failuresOf(proof).length > 0).toBe(!ok)
  })
})
