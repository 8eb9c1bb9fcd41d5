import { describe, expect, test } from 'vitest'
import { headersForPages, relaxPolicy } from '../../../../api/bin/dev/headers.ts'

const POLICY =
  "default-src 'none';script-src 'self';style-src 'self';style-src-attr 'unsafe-inline';connect-src 'self';frame-ancestors 'none'"

describe('the content security policy of npm run dev', () => {
  test('is the server’s, plus one nonce for scripts and styles, plus workers for the way back to Vite', () => {
    expect(relaxPolicy(POLICY, 'bm9uY2U=')).toBe(
      "default-src 'none';script-src 'self' 'nonce-bm9uY2U=';style-src 'self' 'nonce-bm9uY2U=';style-src-attr 'unsafe-inline';connect-src 'self';frame-ancestors 'none';worker-src blob:",
    )
  })

  test('never lets scripts be evaluated, come from elsewhere, or stand in a page unmarked', () => {
    const script = relaxPolicy(POLICY, 'n')
      .split(';')
      .find((directive) => directive.startsWith('script-src '))
    expect(script).toBe("script-src 'self' 'nonce-n'")
  })

  test('goes out with the server’s other security headers, and with nothing that belongs to one answer', () => {
    const server = new Headers({
      'content-security-policy': POLICY,
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'cross-origin-opener-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'content-length': '11',
      'content-type': 'application/json',
      'set-cookie': 'a=b',
      date: 'today',
    })
    expect(headersForPages(server, 'n')).toEqual({
      'content-security-policy': relaxPolicy(POLICY, 'n'),
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'cross-origin-opener-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
    })
  })
})
