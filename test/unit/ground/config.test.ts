import { describe, expect, test } from 'vitest'
import { readOptions } from '../../../api/bin/options.mjs'
import { serverConfig } from '../../../api/config.ts'

describe('the proxies whose word is taken, for services and for npm start', () => {
  const asService = (text: string) =>
    serverConfig({ DATABASE_URL: 'postgres://x', BACKLOT_TRUSTED_PROXY: text }).trustedProxy

  test.each([
    ['', []],
    ['10.0.0.7', ['10.0.0.7']],
    [' 10.0.0.0/24 ,fd00::/8, ::1', ['10.0.0.0/24', 'fd00::/8', '::1']],
  ])('%j', (text, networks) => {
    expect(asService(text)).toEqual(networks)
    expect(readOptions(['--trusted-proxy', text]).trustedProxy).toBe(text)
  })

  test.each([
    ['0.0.0.0/0'],
    ['::/0'],
    ['10.0.0.0/33'],
    ['10.0.0.0/00'],
    ['proxy.example'],
    ['loopback'],
    ['10.0.0.1/8/8'],
  ])('%j is refused', (text) => {
    expect(() => asService(text)).toThrow(text)
    expect(() => readOptions(['--trusted-proxy', text])).toThrow(text)
  })

  test('nobody, when nothing is said', () => {
    expect(serverConfig({ DATABASE_URL: 'postgres://x' }).trustedProxy).toEqual([])
  })
})
