import { describe, expect, test } from 'vitest'
import { canonicalAddress, classifyAddress } from '../../../api/policy/address.ts'

const nothing = { own: new Set<string>(), permitted: [] }

describe('the class of an address', () => {
  test.each([
    ['93.184.216.34', 'public'],
    ['100.63.255.254', 'public'],
    ['100.128.0.1', 'public'],
    ['172.15.255.255', 'public'],
    ['172.32.0.0', 'public'],
    ['169.253.255.255', 'public'],
    ['192.0.2.1', 'public'],
    ['198.51.100.7', 'public'],
    ['203.0.113.80', 'public'],
    ['2606:4700::1111', 'public'],
    ['64:ff9b::8.8.8.8', 'public'],
    ['::ffff:8.8.8.8', 'public'],
  ])('%s is %s, and may be dialled', (ip, found) => {
    expect(classifyAddress(ip, nothing)).toEqual({ ok: true, class: found })
  })

  test.each([
    ['10.0.0.0', 'private'],
    ['10.255.255.255', 'private'],
    ['172.16.0.0', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.0.0', 'private'],
    ['192.168.255.255', 'private'],
    ['100.64.0.1', 'cgnat'],
    ['100.127.255.254', 'cgnat'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'unspecified'],
    ['169.254.0.1', 'link-local'],
    ['169.254.169.254', 'metadata'],
    ['169.254.170.2', 'metadata'],
    ['100.100.100.200', 'metadata'],
    ['168.63.129.16', 'metadata'],
    ['192.0.0.192', 'metadata'],
    ['192.0.0.1', 'reserved'],
    ['192.88.99.1', 'reserved'],
    ['198.18.0.1', 'reserved'],
    ['198.19.255.255', 'reserved'],
    ['192.31.196.1', 'reserved'],
    ['192.52.193.1', 'reserved'],
    ['240.0.0.1', 'reserved'],
    ['224.0.0.1', 'multicast'],
    ['239.255.255.255', 'multicast'],
    ['255.255.255.255', 'broadcast'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['0:0:0:0:0:0:0:1', 'loopback'],
    ['fc00::1', 'ula'],
    ['fdff:ffff::1', 'ula'],
    ['fd00:ec2::254', 'metadata'],
    ['fd20:ce::254', 'metadata'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local'],
    ['febf::1', 'link-local'],
    ['fec0::1', 'reserved'],
    ['ff02::1', 'multicast'],
    ['100::1', 'reserved'],
    ['2001:db8::1', 'reserved'],
    ['3fff::1', 'reserved'],
    ['2001:20::1', 'reserved'],
    ['4000::1', 'reserved'],
    ['5f00::1', 'reserved'],
    // IPv4 inside IPv6
    ['::ffff:7f00:1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:169.254.169.254', 'metadata'],
    ['::ffff:10.0.0.1', 'private'],
    ['::ffff:0:7f00:1', 'loopback'],
    ['::7f00:1', 'loopback'],
    ['::10.0.0.1', 'private'],
    ['::8.8.8.8', 'reserved'],
    ['64:ff9b::a9fe:a9fe', 'metadata'],
    ['64:ff9b::7f00:1', 'loopback'],
    ['64:ff9b::10.0.0.1', 'private'],
    ['64:ff9b:1::a00:1', 'private'],
    ['64:ff9b:1:a9fe:a9:fe00:808:808', 'metadata'],
    ['64:ff9b:1::8.8.8.8', 'unspecified'],
    ['2002:a00:1::1', 'private'],
    ['2002:7f00:1::', 'loopback'],
    ['2002:808:808::1', 'reserved'],
    ['2001:0:4136:e378:8000:63bf:3fff:fdd2', 'reserved'],
    ['2001:0:7f00:1:8000:63bf:3fff:fdd2', 'loopback'],
    ['2001:0:4136:e378:8000:63bf:f5ff:fffe', 'private'],
    ['2606:4700::5efe:10.0.0.1', 'private'],
    ['2606:4700::200:5efe:7f00:1', 'loopback'],
    ['2606:4700::5efe:8.8.8.8', 'reserved'],
    // No addresses
    ['', 'invalid'],
    ['example.com', 'invalid'],
    ['0x7f.1', 'invalid'],
    ['127.1', 'invalid'],
    ['010.0.0.1', 'invalid'],
    ['1.2.3.4.5', 'invalid'],
    ['1.2.3.4 ', 'invalid'],
  ])('%s is %s, and may not', (ip, found) => {
    expect(classifyAddress(ip, nothing)).toEqual({ ok: false, class: found })
  })
})

describe('what a rule permits', () => {
  const own = new Set(['10.9.9.9', '8.8.4.4', 'fd12::9'])
  const permitted = [
    '10.0.0.0/8',
    '100.64.0.0/10',
    '127.0.0.0/8',
    '169.254.0.0/16',
    '198.18.0.0/15',
    'fd00::/8',
    '::/0',
    '224.0.0.0/4',
    '0.0.0.0/0',
  ]
  test.each([
    ['10.1.2.3', true, 'private'],
    ['64:ff9b::10.1.2.3', true, 'private'],
    ['100.64.0.1', true, 'cgnat'],
    ['198.18.0.1', true, 'reserved'],
    ['fd12::1', true, 'ula'],
    ['127.0.0.1', false, 'loopback'],
    ['::1', false, 'loopback'],
    ['::ffff:127.0.0.1', false, 'loopback'],
    ['169.254.1.1', false, 'link-local'],
    ['169.254.169.254', false, 'metadata'],
    ['fd00:ec2::254', false, 'metadata'],
    ['224.0.0.1', false, 'multicast'],
    ['0.0.0.0', false, 'unspecified'],
    ['255.255.255.255', false, 'broadcast'],
    ['10.9.9.9', false, 'self'],
    ['::ffff:10.9.9.9', false, 'self'],
    ['64:ff9b::10.9.9.9', false, 'self'],
    ['8.8.4.4', false, 'self'],
    ['fd12::9', false, 'self'],
  ])('%s: %s, %s', (ip, ok, found) => {
    expect(classifyAddress(ip, { own, permitted })).toEqual({ ok, class: found })
  })
  test('a network that is not named stays closed, and one that does not parse permits nothing', () => {
    expect(classifyAddress('10.1.2.3', { own, permitted: ['10.2.0.0/16', 'rubbish', 'fd00::/8'] }).ok).toBe(false)
  })
})

test.each([
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['FE80::1%eth0', 'fe80::1'],
  ['2001:0db8::0001', '2001:db8::1'],
  ['127.1', null],
])('%s is written %s', (raw, canonical) => {
  expect(canonicalAddress(raw)).toBe(canonical)
})
