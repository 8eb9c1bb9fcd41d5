import { describe, expect, test } from 'vitest'
import { auditEvent, type EventFields } from '../../../api/audit/event.ts'
import { treatmentOf } from '../../../api/audit/treatment.ts'
import { auditEnvelope, detailOf } from '../../../api/contract/audit.ts'

const egress: EventFields<'egress.request'> = {
  actor: { type: 'sandbox', id: 'sb_aaaaaaaaaaaaaaaa' },
  decision: 'deny',
  reason: 'no-rule',
  detail: { method: 'GET', host: 'example.org', port: 443, path: '/', phase: 'work', address: null, raw: null },
}

test('what the caller leaves out is filled in', () => {
  const event = auditEvent('egress.request', egress)
  expect(auditEnvelope.parse(event)).toEqual(event)
  expect(event.correlation).toBe(event.id)
  expect([event.person, event.prototype, event.sandbox, event.rule, event.policy]).toEqual([
    null,
    null,
    null,
    null,
    null,
  ])
})

test('ids are in the order of their making, to the millisecond', () => {
  const ids = Array.from({ length: 50 }, () => auditEvent('egress.request', egress).id.slice(0, 13))
  expect(ids.toSorted()).toEqual(ids)
})

test('there is a decision for every field of every kind, and for no other', () => {
  for (const [kind, schema] of Object.entries(detailOf)) {
    const decided = Object.entries(treatmentOf).find(([name]) => name === kind)?.[1] ?? {}
    expect(Object.keys(decided).toSorted(), kind).toEqual(Object.keys(schema.shape).toSorted())
  }
})

describe('strings from outside', () => {
  test('are capped and escaped in every place (A08)', () => {
    const hostile = `"}\n{"seq":1}\u001b[0m\u202e${'x'.repeat(10_000_000)}`
    const { detail, rule, correlation } = auditEvent('egress.request', {
      ...egress,
      rule: hostile,
      correlation: hostile,
      detail: { ...egress.detail, host: hostile, path: hostile, raw: hostile },
    })
    for (const text of [detail.host, detail.path, detail.raw, rule, correlation]) {
      expect(text?.startsWith('"}\\n{"seq":1}\\u{1b}[0m\\u{202e}x')).toBe(true)
      expect(text).not.toMatch(/[\u0000-\u001f\u202e]/)
      expect(text?.length).toBeLessThanOrEqual(4096)
    }
  })

  test('secrets are masked where paths and commands are kept (A12)', () => {
    const { detail } = auditEvent('exec.started', {
      ...egress,
      detail: {
        argv: ['curl', '-H', 'Authorization: Bearer abcdefgh12345', 'https://u:p4ss@h/'],
        cwd: '/workspace',
        stdin: null,
      },
    })
    expect(detail.argv).toEqual(['curl', '-H', 'Authorization: Bearer [masked]', 'https://[masked]@h/'])
  })

  test('an argument that follows the name of a secret is masked whole', () => {
    const long = auditEvent('exec.started', {
      ...egress,
      detail: {
        argv: ['curl', '-u', `me:${'x'.repeat(1_000_000)}`, '-sume:hunter2', 'y'.repeat(1_000_000)],
        cwd: '/',
        stdin: 'curl -u me:hunter2 x',
      },
    }).detail
    expect(long.argv.slice(0, 2)).toEqual(['curl', '-u'])
    expect(long.argv[2]).toMatch(/^\[masked\]/)
    expect(long.argv[3]).toBe('-su[masked]')
    expect(long.argv[4]).toHaveLength(4096)
    expect(long.stdin).toBe('curl -u [masked] x')
    const argv = ['mysql', '--password', 'hunter2', '--host', 'db', '-x', '--api-key', 'abc', 'rest', '--token']
    const { detail } = auditEvent('exec.started', { ...egress, detail: { argv, cwd: '/', stdin: 'TOKEN=abc cat' } })
    const masked = ['mysql', '--password', '[masked]', '--host', 'db', '-x', '--api-key', '[masked]', 'rest', '--token']
    expect(detail).toEqual({ argv: masked, cwd: '/', stdin: 'TOKEN=[masked] cat' })
  })

  test('more than 64 arguments are cut, and say so', () => {
    const argv = Array.from({ length: 1000 }, (_, n) => String(n))
    const { detail } = auditEvent('exec.started', { ...egress, detail: { argv, cwd: '/', stdin: null } })
    expect(detail.argv).toHaveLength(64)
    expect(detail.argv.at(-1)).toBe('…[1000 items]')
  })
})

const refused: Array<[what: string, make: () => unknown]> = [
  [
    'a reason in free text',
    () => auditEvent('egress.request', { ...egress, ...JSON.parse('{"reason":"It was not allowed"}') }),
  ],
  [
    'a number above 2^53 (A09)',
    () => auditEvent('egress.request', { ...egress, detail: { ...egress.detail, port: 2 ** 53 } }),
  ],
  ['a fraction', () => auditEvent('egress.request', { ...egress, detail: { ...egress.detail, port: 1.5 } })],
  [
    'a field that nobody decided about',
    () => auditEvent('egress.request', { ...egress, detail: { ...egress.detail, ...{ extra: 1 } } }),
  ],
  [
    'a key named __proto__ (A09)',
    () =>
      auditEvent('egress.request', {
        ...egress,
        detail: { ...egress.detail, ...JSON.parse('{"__proto__":{"host":"x"}}') },
      }),
  ],
]
test.each(refused)('%s is no event', (_what, make) => {
  expect(make).toThrow()
})
