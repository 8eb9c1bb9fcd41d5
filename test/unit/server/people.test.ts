import { describe, expect, test } from 'vitest'
import { personId, tokenId } from '../../../api/contract/ids.ts'
import { newId } from '../../../api/ids.ts'
import { senderOf } from '../../../api/server/http/limits/sender.ts'
import { createLiveConnections } from '../../../api/server/http/live.ts'
import type { Caller } from '../../../api/server/http/route.ts'
import { hashPassword, verifyPassword } from '../../../api/server/people/sign-in/password.ts'
import { hashOf, newSecret } from '../../../api/server/people/sign-in/secret.ts'
import { createThrottle } from '../../../api/server/people/sign-in/throttle.ts'
import { until } from '../../support/until.ts'

describe('passwords', () => {
  test('are kept as argon2id with OWASP cost, each with a salt of its own', async () => {
    const [first, second] = await Promise.all([
      hashPassword('correct horse battery'),
      hashPassword('correct horse battery'),
    ])
    expect(first).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
    expect(first).not.toBe(second)
  })

  test.each([
    ['correct horse battery', 'correct horse battery', true],
    ['correct horse battery', 'Correct horse battery', false],
    ['correct horse battery', 'correct horse batter', false],
    // The same letters as another keyboard sends them: NFKC.
    ['pa\u00dfwort-m\u00fcde-123', 'pa\u00dfwort-mu\u0308de-123', true],
    ['emoji 🔑🔑🔑 word', 'emoji 🔑🔑🔑 word', true],
    ['nul \u0000 inside it', 'nul ', false],
  ])('%j against %j: %s', async (kept, given, right) => {
    expect(await verifyPassword(await hashPassword(kept), given)).toBe(right)
  })

  test('nobody has a password that is not there, or one that is not ours', async () => {
    expect(await verifyPassword(null, '')).toBe(false)
    expect(await verifyPassword('$2b$10$abcdefghijklmnopqrstuv', 'x')).toBe(false)
  })

  test('a hash of a lower cost still verifies', async () => {
    const kept = '$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$'
    const { argon2Sync } = await import('node:crypto')
    const cost = { memory: 1024, passes: 1, parallelism: 1, tagLength: 32 }
    const tag = argon2Sync('argon2id', { message: 'an old password', nonce: Buffer.from('somesaltsomesalt'), ...cost })
    expect(await verifyPassword(`${kept}${tag.toString('base64').replaceAll('=', '')}`, 'an old password')).toBe(true)
  })
})

test('a secret says what it is, holds 256 bits, and is kept as its hash', () => {
  const { secret, hash } = newSecret('bk_')
  expect(secret).toMatch(/^bk_[\w-]{43}$/)
  expect(hash).toEqual(hashOf(secret))
  expect(hash).toHaveLength(32)
})

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2:ffff::9', '2001:db8:1:2::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['no address', 'no address'],
])('guesses from %s count for %s: one machine has a whole IPv6 network of addresses', (ip, key) => {
  expect(senderOf(ip)).toBe(key)
})

describe('throttle', () => {
  const limits = { freeTries: 3, longestWaitMs: 8_000 }
  const clock = () => {
    const time = { ms: 1_000_000 }
    return { now: () => time.ms, pass: (ms: number) => (time.ms += ms) }
  }

  test('after the free tries each failure doubles the wait, up to the longest', () => {
    const { now, pass } = clock()
    const throttle = createThrottle(limits, now)
    const waits = [0, 0, 1000, 2000, 4000, 8000, 8000].map(() => {
      expect(throttle.begin('a')).toBe(0)
      const waitMs = throttle.begin('a')
      if (waitMs > 0) pass(waitMs)
      return waitMs
    })
    // Asking while there is no wait is a try as well: the second and third free tries are such.
    expect(waits).toEqual([0, 1000, 2000, 4000, 8000, 8000, 8000])
  })

  test('keys do not wait for each other, and asking while waiting makes it no longer', () => {
    const { now, pass } = clock()
    const throttle = createThrottle(limits, now)
    for (let tries = 0; tries < 3; tries += 1) throttle.begin('a')
    expect([throttle.begin('a'), throttle.begin('a'), throttle.begin('a')]).toEqual([1000, 1000, 1000])
    expect(throttle.begin('b')).toBe(0)
    pass(1000)
    expect(throttle.begin('a')).toBe(0)
  })

  test('a success forgets an account; of an address it is only not counted', () => {
    const { now } = clock()
    const throttle = createThrottle(limits, now)
    for (const key of ['account', 'address']) for (let tries = 0; tries < 3; tries += 1) throttle.begin(key)
    throttle.forget('account')
    throttle.refund('address')
    expect([throttle.begin('account'), throttle.begin('address')]).toEqual([0, 0])
    expect(throttle.begin('account')).toBe(0)
    expect(throttle.begin('address')).toBe(1000)
  })

  test('an hour later it is forgotten', () => {
    const { now, pass } = clock()
    const throttle = createThrottle(limits, now)
    for (let tries = 0; tries < 3; tries += 1) throttle.begin('a')
    pass(3_600_001)
    expect([throttle.begin('a'), throttle.begin('a')]).toEqual([0, 0])
  })
})

describe('live connections', () => {
  const person = (by: Caller['by'] = { type: 'session', session: Buffer.from(newId('pe')) }): Caller => {
    const id = personId.parse(newId('pe'))
    return { id, name: '', email: '', roles: ['pm'], createdAt: new Date(), hasPassword: true, by }
  }
  const opened = (holds: (caller: Caller) => Promise<boolean> = async () => true) => {
    const live = createLiveConnections(holds, { lookEveryMs: 10 })
    const ended: string[] = []
    const track = (caller: Caller, name: string) => {
      const untrack = live.track(caller, () => {
        ended.push(name)
        untrack()
      })
    }
    return { live, ended, track }
  }

  test('end with the token that opened them, and with no other', () => {
    const { live, ended, track } = opened()
    const [lost, kept] = [tokenId.parse(newId('tk')), tokenId.parse(newId('tk'))]
    track(person({ type: 'token', token: lost }), 'lost')
    track(person({ type: 'token', token: kept }), 'kept')
    live.endToken(lost)
    expect(ended).toEqual(['lost'])
    live.endAll()
  })

  test('end when their right is gone, however it went: looked at when they open, and again and again', async () => {
    const gone = new Set<Caller>()
    const { live, ended, track } = opened(async (caller) => !gone.has(caller))
    const [first, second, third] = [person(), person(), person()]
    gone.add(first)
    track(first, 'while it opened')
    track(second, 'later')
    track(third, 'never')
    await until('the first has ended', () => (ended.includes('while it opened') ? true : null))
    gone.add(second)
    await until('the second has ended', () => (ended.includes('later') ? true : null))
    expect(ended).toEqual(['while it opened', 'later'])
    live.endAll()
  })

  test('stay while nobody can say', async () => {
    const asked = { times: 0 }
    const { live, ended, track } = opened(async () => {
      asked.times += 1
      throw new Error('the database is away')
    })
    track(person(), 'one')
    await until('it was looked at', () => (asked.times > 2 ? true : null))
    expect(ended).toEqual([])
    live.endAll()
  })

  test('one person has so many; beyond it the oldest ends, and nobody else notices', () => {
    const { live, ended, track } = opened()
    track(person(), 'other')
    const greedy = person()
    for (let index = 0; index < 70; index += 1) track(greedy, `${index}`)
    expect(ended).toEqual(['0', '1', '2', '3', '4', '5'])
    live.endAll()
  })
})
