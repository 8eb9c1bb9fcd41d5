import { describe, expect, test } from 'vitest'
import type { PolicyInForce, RuleInForce } from '../../../api/contract/policy.ts'
import { decideEgress, type EgressRequest } from '../../../api/policy/egress.ts'
import { canonicalPath, pathMatches } from '../../../api/policy/path.ts'
import { policy, rule } from '../../app/gateway/egress/world/world.ts'

const NOW = new Date('2026-06-15T12:00:00Z')
const https = (host: string, port = 443): EgressRequest => ({
  protocol: 'tls',
  method: 'CONNECT',
  host,
  port,
  path: null,
})
const http = (method: string, path: string, host = 'example.com', port = 80): EgressRequest => ({
  protocol: 'http',
  method,
  host,
  port,
  path,
})
const decide = (rules: RuleInForce[], request: EgressRequest) => decideEgress(policy(rules), request, NOW)

const open = rule({ host: 'example.com' })
const plain = rule({ id: 'plain/0', host: 'example.com', protocol: 'http' })
const read = rule({
  id: 'read/0',
  host: 'example.com',
  protocol: 'http',
  methods: ['GET', 'HEAD'],
  paths: ['/api/*', '/status'],
})

describe('a request is allowed by a rule that names all of it', () => {
  test.each<[string, RuleInForce[], EgressRequest, string]>([
    ['the host and its port', [open], https('example.com'), 'test/example.com'],
    ['a name below a wildcard', [rule({ host: '*.example.org' })], https('a.b.example.org'), 'test/*.example.org'],
    [
      'another port that is listed',
      [rule({ host: 'example.com', ports: [443, 8443] })],
      https('example.com', 8443),
      'test/example.com',
    ],
    ['plain HTTP', [open, plain], http('DELETE', '/x'), 'plain/0'],
    ['a method and a path', [read], http('GET', '/api/a/b'), 'read/0'],
    ['a path written with escapes', [read], http('GET', '/%61pi/a'), 'read/0'],
    [
      'the day before it expires',
      [rule({ host: 'example.com', expires: '2026-06-16' })],
      https('example.com'),
      'test/example.com',
    ],
    ['the first of two', [rule({ ...open, id: 'a/0' }), rule({ ...open, id: 'b/0' })], https('example.com'), 'a/0'],
  ])('%s', (_what, rules, request, id) => {
    expect(decide(rules, request)).toMatchObject({ effect: 'allow', reason: 'rule', rule: id })
  })

  test('networks that matching rules permit are taken together, and only theirs', () => {
    const rules = [
      open,
      rule({ host: 'example.com', addresses: ['10.1.0.0/16'] }),
      rule({ host: 'other.example', addresses: ['10.2.0.0/16'] }),
      rule({ host: 'example.com', addresses: ['10.3.0.0/16'], expires: '2026-01-01' }),
    ]
    expect(decide(rules, https('example.com'))).toMatchObject({ addresses: ['10.1.0.0/16'], endsAtMs: null })
  })
  test('the grant ends with the last of the rules that give it', () => {
    const rules = [
      rule({ host: 'example.com', expires: '2026-06-20' }),
      rule({ host: 'example.com', expires: '2026-06-18' }),
    ]
    expect(decide(rules, https('example.com'))).toMatchObject({ endsAtMs: Date.parse('2026-06-20T00:00:00Z') })
  })
})

describe('everything else is denied, and the reason is how far it came', () => {
  test.each<[string, RuleInForce[], EgressRequest, string, string | null]>([
    ['an empty list', [], https('example.com'), 'no-rule', null],
    ['a suffix that is not below', [open], https('example.com.evil.net'), 'no-rule', null],
    ['the apex of a wildcard', [rule({ host: '*.example.org' })], https('example.org'), 'no-rule', null],
    ['another port', [open], https('example.com', 22), 'port-not-allowed', 'test/example.com'],
    [
      'plain HTTP to a TLS rule',
      [rule({ host: 'example.com', ports: [80] })],
      http('GET', '/'),
      'protocol-not-allowed',
      'test/example.com',
    ],
    ['CONNECT to an HTTP rule', [plain], https('example.com', 80), 'protocol-not-allowed', 'plain/0'],
    [
      'a tunnel where the rule names methods',
      [rule({ host: 'example.com', methods: ['GET'] })],
      https('example.com'),
      'protocol-not-allowed',
      'test/example.com',
    ],
    ['another method', [read], http('POST', '/api/a'), 'method-not-allowed', 'read/0'],
    ['another path', [read], http('GET', '/admin'), 'path-not-allowed', 'read/0'],
    ['a path in another case', [read], http('GET', '/API/a'), 'path-not-allowed', 'read/0'],
    ['a dot segment', [read], http('GET', '/api/../admin'), 'path-ambiguous', 'read/0'],
    [
      'the day on which it expires',
      [rule({ host: 'example.com', expires: '2026-06-15' })],
      https('example.com'),
      'rule-expired',
      'test/example.com',
    ],
    [
      'an expiry that is no date',
      [rule({ host: 'example.com', expires: 'soon' })],
      https('example.com'),
      'rule-expired',
      'test/example.com',
    ],
  ])('%s', (_what, rules, request, reason, id) => {
    expect(decide(rules, request)).toEqual({ effect: 'deny', reason, rule: id })
  })
  test('the policy is not changed by being asked', () => {
    const given: PolicyInForce = policy([open, plain, read])
    const before = JSON.stringify(given)
    decideEgress(given, https('example.com'), NOW)
    expect(JSON.stringify(given)).toBe(before)
  })
})

describe('paths', () => {
  test.each([
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/%61', '/a'],
    ['/a%20b', '/a b'],
    ['/@types/node', '/@types/node'],
    ['/a.b/..c/d..', '/a.b/..c/d..'],
    ['/caf%C3%A9', '/café'],
  ])('%s reads as %s', (raw, path) => {
    expect(canonicalPath(raw)).toBe(path)
  })
  test.each([
    '',
    'a',
    '/a/../b',
    '/a/./b',
    '/..',
    '/a/%2e%2e/b',
    '/a/.%2E/b',
    '/a%2fb',
    '/a%2Fb',
    '/a%5cb',
    '/a\\b',
    '/a;x=1/b',
    '/a%3bb',
    '/a%252fb',
    '/a%00b',
    '/a%',
    '/a%zz',
    '/a%0ab',
    '/a//b',
    '/a b',
    '/a\tb',
    '/é',
    '/%ff',
    '/%c0%af',
  ])('%j could be read in more than one way', (raw) => {
    expect(canonicalPath(raw)).toBeNull()
  })
  test.each([
    ['/a', '/a', true],
    ['/a', '/ab', false],
    ['/a/*', '/a/', true],
    ['/a/*', '/a', false],
    ['/a/*', '/a/b/c', true],
    ['/*/c', '/a/b/c', true],
    ['/a/*/c', '/a/c', false],
    ['/a*b*c', '/abc', true],
    ['/a*b*c', '/axxbyyc', true],
    ['/a*b*c', '/acb', false],
    ['/ab*ba', '/aba', false],
    ['/a*', '/a.b?', true],
    ['/.', '/x', false],
    ['*', '/anything', true],
  ])('the pattern %s against %s: %s', (pattern, path, matches) => {
    expect(pathMatches(pattern, path)).toBe(matches)
  })
  test('a hostile pattern takes no longer than a plain one', () => {
    expect(pathMatches(`/${'*a'.repeat(200)}b`, `/${'a'.repeat(5000)}`)).toBe(false)
  })
})
