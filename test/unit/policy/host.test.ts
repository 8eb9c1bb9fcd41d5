import { describe, expect, test } from 'vitest'
import { canonicalAuthority, canonicalHost, hostMatches } from '../../../api/policy/host.ts'

const label63 = 'a'.repeat(63)

describe('a host name becomes canonical or is refused', () => {
  test.each([
    ['example.com', 'example.com'],
    ['ExAmPlE.CoM', 'example.com'],
    ['example.com.', 'example.com'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['a-b.c--d.example', 'a-b.c--d.example'],
    ['1password.com', '1password.com'],
    ['10.0.0.1.example', '10.0.0.1.example'],
    [`${label63}.example`, `${label63}.example`],
    ['0x7f.example', '0x7f.example'],
  ])('%s → %s', (raw, host) => {
    expect(canonicalHost(raw)).toEqual({ ok: true, host })
  })

  test.each([
    ['', 'host-empty'],
    ['.', 'host-empty'],
    ['example.com..', 'host-invalid'],
    ['.example.com', 'host-invalid'],
    ['exa..mple.com', 'host-invalid'],
    ['example.com\0.example.org', 'host-invalid'],
    ['example.com\r\nX: y', 'host-invalid'],
    ['example.com\n', 'host-invalid'],
    ['ex\tample.com', 'host-invalid'],
    ['ex ample.com', 'host-invalid'],
    ['exa%6dple.com', 'host-invalid'],
    ['exa_mple.com', 'host-invalid'],
    ['-example.com', 'host-invalid'],
    ['example-.com', 'host-invalid'],
    ['example.com/', 'host-invalid'],
    ['example.com\\', 'host-invalid'],
    ['*.example.com', 'host-invalid'],
    ['[example.com]', 'host-invalid'],
    [`a${label63}.example`, 'host-invalid'],
    [`${`${label63}.`.repeat(4)}com`, 'host-too-long'],
    ['user@example.com', 'host-userinfo'],
    ['ｅxample.com', 'host-non-ascii'],
    ['example。com', 'host-non-ascii'],
    ['exam\u00adple.com', 'host-non-ascii'],
    ['еxample.com', 'host-non-ascii'],
    ['localhost', 'host-single-label'],
    ['db', 'host-single-label'],
    ['a.localhost', 'host-metadata'],
    ['metadata.google.internal', 'host-metadata'],
    ['METADATA.google.internal.', 'host-metadata'],
    ['127.0.0.1', 'host-ip-literal'],
    ['127.0.0.1.', 'host-ip-literal'],
    ['127.1', 'host-ip-literal'],
    ['2852039166', 'host-ip-literal'],
    ['0xA9FEA9FE', 'host-ip-literal'],
    ['0x7f.1', 'host-ip-literal'],
    ['0x', 'host-ip-literal'],
    ['0251.0376.0251.0376', 'host-ip-literal'],
    ['169.254.43518', 'host-ip-literal'],
    ['256.256.256.256', 'host-ip-literal'],
    ['example.123', 'host-ip-literal'],
    ['::1', 'host-ip-literal'],
    ['[::1]', 'host-ip-literal'],
    ['[::ffff:169.254.169.254]', 'host-ip-literal'],
    ['[fd00:ec2::254]', 'host-ip-literal'],
    ['fe80::1%eth0', 'host-ip-literal'],
    ['[fe80::1%25eth0]', 'host-ip-literal'],
  ])('%j is refused: %s', (raw, reason) => {
    expect(canonicalHost(raw)).toEqual({ ok: false, reason })
  })
})

describe('an authority becomes canonical or is refused', () => {
  test.each([
    ['example.com:443', 443],
    ['example.com.:1', 1],
    ['EXAMPLE.com:65535', 65_535],
  ])('%s', (raw, port) => {
    expect(canonicalAuthority(raw)).toEqual({ ok: true, host: 'example.com', port })
  })
  test('the default port stands in only where one is given', () => {
    expect(canonicalAuthority('example.com', 80)).toEqual({ ok: true, host: 'example.com', port: 80 })
  })
  test.each([
    ['example.com', 'port-missing'],
    ['example.com:', 'port-invalid'],
    ['example.com:0', 'port-invalid'],
    ['example.com:65536', 'port-invalid'],
    ['example.com:0443', 'port-invalid'],
    ['example.com:443x', 'port-invalid'],
    ['example.com:-1', 'port-invalid'],
    ['example.com:+443', 'port-invalid'],
    ['example.com:4 43', 'port-invalid'],
    ['example.com:443 ', 'port-invalid'],
    ['example.com:443\n', 'port-invalid'],
    ['example.com:1e2', 'port-invalid'],
    ['example.com:0x1bb', 'port-invalid'],
    ['example.com:４４３', 'port-invalid'],
    [':443', 'host-empty'],
    ['example.com:443@evil.com:443', 'host-userinfo'],
    ['[example.com]:443', 'host-invalid'],
    ['[::1]:443', 'host-ip-literal'],
    ['[::1]', 'host-ip-literal'],
    ['::1:443', 'host-ip-literal'],
    ['example.com:443:443', 'host-invalid'],
  ])('%j is refused: %s', (raw, reason) => {
    expect(canonicalAuthority(raw)).toEqual({ ok: false, reason })
  })
})

test.each([
  ['example.com', 'example.com', true],
  ['example.com', 'www.example.com', false],
  ['example.com', 'example.com.evil.net', false],
  ['example.com', 'notexample.com', false],
  ['*.example.org', 'a.example.org', true],
  ['*.example.org', 'a.b.example.org', true],
  ['*.example.org', 'example.org', false],
  ['*.example.org', 'notexample.org', false],
  ['*.example.org', 'a.example.org.evil.net', false],
])('the pattern %s against %s: %s', (pattern, host, matches) => {
  expect(hostMatches(pattern, host)).toBe(matches)
})
