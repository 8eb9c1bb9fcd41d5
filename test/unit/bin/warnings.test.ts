/** What whoever starts Backlot has to read, in words and as fields of `--json`. */
import { describe, expect, test } from 'vitest'
import { linesOf } from '../../../api/bin/launch/announce.ts'
import { runtimeWarnings } from '../../../api/bin/launch/warnings.ts'

const found = { id: 'runc', title: 'runc', status: 'warning', detail: 'Version 1.1.5 may have known escapes.' } as const
const fix = 'Upgrade runc.'

describe('the runtime', () => {
  test.each([
    ['with known escapes is a warning that says what to do', { ...found, fix }, [`${found.detail} ${fix}`]],
    ['that Docker does not name is none', { ...found, fix: null }, []],
    ['that is repaired is none', { ...found, status: 'ok', fix: null }, []],
    ['and other things that the doctor says: these stay with the doctor', { ...found, id: 'landlock', fix }, []],
  ] as const)('%s', (_what, check, warnings) => {
    expect(runtimeWarnings([check])).toEqual(warnings)
  })
})

describe('what a start says at its end', () => {
  const ready = {
    url: 'http://localhost:4600',
    signInToken: 'bl_x',
    unsafe: ['policy p: danger'],
    warnings: ['runc 1.1.5. Upgrade.'],
  }

  test('to a person: dangers and warnings, one line each, and then the link', () => {
    const { said, printed } = linesOf(ready, { json: false })
    expect(said.slice(0, 2)).toEqual(['Warning: policy p: danger', 'WARNING: runc 1.1.5. Upgrade.'])
    expect(said.at(-1)).toContain('http://localhost:4600/sign-in#token=bl_x')
    expect(printed).toBeNull()
  })

  test('to a script: the warnings are a field of the one line, and no words', () => {
    const { said, printed } = linesOf(ready, { json: true })
    expect(said).toEqual(['Warning: policy p: danger'])
    expect(JSON.parse(printed ?? '')).toEqual({
      url: ready.url,
      signInToken: ready.signInToken,
      warnings: ready.warnings,
    })
  })

  test('to somebody with an account: only where it is', () => {
    expect(linesOf({ ...ready, signInToken: null, unsafe: [], warnings: [] }, { json: false }).said).toEqual([
      `\nBacklot is ready: ${ready.url}`,
    ])
  })
})
