import { describe, expect, test } from 'vitest'
import { containerChanges } from '../../../api/contract/in-force.ts'
import type { PolicyInForce } from '../../../api/contract/policy.ts'
import { policyChange, policyFor } from '../../../api/policy/change.ts'

const GIB = 2 ** 30
const base: PolicyInForce = {
  name: 'standard',
  version: 1,
  hash: '0'.repeat(64),
  description: '',
  tools: { allow: ['git', 'node'], workspaceExec: true },
  sandbox: { runtime: 'runc', cpus: 1, memoryBytes: 2 * GIB, diskBytes: 4 * GIB, pids: 256, perPerson: 3 },
  egress: [],
  models: {
    default: { cloud: 'assigned', local: 'assigned' },
    labels: { public: 'cloud', internal: 'cloud', confidential: 'local', restricted: 'none' },
  },
}
const rule = {
  id: 'x/0',
  host: 'example.org',
  ports: [443],
  protocol: 'tls' as const,
  methods: null,
  paths: null,
  addresses: [],
  expires: null,
}
type Change = (policy: PolicyInForce) => PolicyInForce
const tools =
  (change: Partial<PolicyInForce['tools']>): Change =>
  (policy) => ({ ...policy, tools: { ...policy.tools, ...change } })
const sandbox =
  (change: Partial<PolicyInForce['sandbox']>): Change =>
  (policy) => ({ ...policy, sandbox: { ...policy.sandbox, ...change } })
const all =
  (...changes: Change[]): Change =>
  (policy) =>
    changes.reduce((changed, change) => change(changed), policy)

/** Each field by itself: what it means there, and what it means the other way round. */
const rows: [what: string, to: Change, there: string, back: string, fields: string[]][] = [
  ['the same', all(), 'none', 'none', []],
  ['another version of the same', (policy) => ({ ...policy, version: 2, hash: '1'.repeat(64) }), 'none', 'none', []],
  ['other words', (policy) => ({ ...policy, description: 'New' }), 'none', 'none', []],
  ['a host more', (policy) => ({ ...policy, egress: [rule] }), 'none', 'none', []],
  [
    'another model',
    (policy) => ({ ...policy, models: { ...policy.models, default: { cloud: 'none', local: 'assigned' } } }),
    'none',
    'none',
    [],
  ],
  ['more prototypes for each person', sandbox({ perPerson: 9 }), 'none', 'none', []],
  ['a tool more', tools({ allow: ['git', 'node', 'opencode'] }), 'widens', 'narrows', ['tools.allow']],
  ['one tool for another', tools({ allow: ['git', 'opencode'] }), 'narrows', 'narrows', ['tools.allow']],
  ['no tool', tools({ allow: [] }), 'narrows', 'widens', ['tools.allow']],
  ['nothing runs from the workspace', tools({ workspaceExec: false }), 'narrows', 'widens', ['tools.workspaceExec']],
  ['gVisor', sandbox({ runtime: 'runsc' }), 'narrows', 'widens', ['sandbox.runtime']],
  ['half a processor', sandbox({ cpus: 0.5 }), 'narrows', 'widens', ['sandbox.cpus']],
  ['more memory', sandbox({ memoryBytes: 4 * GIB }), 'widens', 'narrows', ['sandbox.memoryBytes']],
  ['one byte less memory', sandbox({ memoryBytes: 2 * GIB - 1 }), 'narrows', 'widens', ['sandbox.memoryBytes']],
  ['less disk', sandbox({ diskBytes: GIB }), 'narrows', 'widens', ['sandbox.diskBytes']],
  ['more processes', sandbox({ pids: 512 }), 'widens', 'narrows', ['sandbox.pids']],
  ['limits that may not hold', sandbox({ unsafeUnlimited: true }), 'widens', 'narrows', ['sandbox.unsafeUnlimited']],
  [
    'a runtime without known escapes',
    sandbox({ requirePatchedRuntime: true }),
    'narrows',
    'widens',
    ['sandbox.requirePatchedRuntime'],
  ],
  [
    'more memory and fewer processes',
    sandbox({ memoryBytes: 4 * GIB, pids: 64 }),
    'narrows',
    'narrows',
    ['sandbox.memoryBytes', 'sandbox.pids'],
  ],
  [
    'more of two things, and a host less',
    all(sandbox({ cpus: 2, pids: 512 }), (policy) => ({ ...policy, egress: [] })),
    'widens',
    'narrows',
    ['sandbox.cpus', 'sandbox.pids'],
  ],
]

describe('a policy and its next version', () => {
  test.each(rows)('%s', (_what, to, there, back, fields) => {
    const next = to(base)
    const change = policyChange(base, next)
    expect(change.rebuild).toBe(there)
    expect(policyChange(next, base).rebuild).toBe(back)
    expect(Object.keys(change.changes).toSorted()).toEqual(fields.toSorted())
  })

  test('says what it was and what it becomes', () => {
    const { changes } = policyChange(base, all(tools({ allow: ['git'] }), sandbox({ unsafeUnlimited: true }))(base))
    expect(changes).toEqual({
      'tools.allow': { from: ['git', 'node'], to: ['git'] },
      'sandbox.unsafeUnlimited': { from: false, to: true },
    })
  })

  test('every change that people can be told of is made by one of the rows', () => {
    const told = new Set(rows.flatMap(([, , , , fields]) => fields))
    expect([...told].toSorted()).toEqual(Object.keys(containerChanges.shape).toSorted())
  })
})

test('in force is what holds at once of the newer, and what is built in of the one that the container was made by', () => {
  const newer: PolicyInForce = {
    ...all(tools({ workspaceExec: false }), sandbox({ memoryBytes: GIB, perPerson: 9 }))(base),
    version: 2,
    hash: '2'.repeat(64),
    egress: [rule],
  }
  expect(policyFor(newer, base)).toEqual({
    ...base,
    version: 2,
    hash: newer.hash,
    egress: [rule],
    sandbox: { ...base.sandbox, perPerson: 9 },
  })
  expect(policyFor(newer, newer)).toEqual(newer)
})
