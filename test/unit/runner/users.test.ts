import { describe, expect, test } from 'vitest'
import { sandboxUsers, usersOf } from '../../../api/contract/programs/runner.ts'
import { userFiles } from '../../../api/runner/users.ts'

describe('users of a sandbox', () => {
  test('no number is in two sandboxes, nor near those of people, services and other containers', () => {
    const slots = [0, 1, 2, 500, 50_000, 50_001]
    const numbers = slots.flatMap((slot) => Object.values(usersOf(slot, 'runc')))
    expect(new Set(numbers).size).toBe(3 * slots.length)
    expect(Math.min(...numbers)).toBeGreaterThan(1_879_048_191)
    expect(Math.max(...numbers)).toBeLessThan(2 ** 31)
  })

  test('the porter is user 0 under gVisor only', () => {
    expect(usersOf(4, 'runc').porter).toBeGreaterThan(1000)
    expect(usersOf(4, 'runsc')).toEqual({ ...usersOf(4, 'runc'), porter: 0 })
  })

  test.each([{ maker: 0 }, { maker: 999 }, { witness: 0 }, { maker: 1.5 }, { porter: -1 }, { maker: 2 ** 32 - 1 }])(
    '%o is not a set of users',
    (change) => {
      expect(sandboxUsers.safeParse({ ...usersOf(0, 'runc'), ...change }).success).toBe(false)
    },
  )

  test('have names in the sandbox, and nobody can sign in', () => {
    const { passwd, group } = userFiles({ porter: 11, maker: 1012, witness: 1013 })
    expect(passwd.split('\n')).toEqual([
      'root:x:0:0::/:/usr/sbin/nologin',
      'nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin',
      'porter:x:11:11::/:/usr/sbin/nologin',
      'maker:x:1012:1012::/home/maker:/bin/bash',
      'witness:x:1013:1013::/:/usr/sbin/nologin',
      '',
    ])
    expect(group).toContain('maker:x:1012:\n')
    expect(userFiles({ porter: 0, maker: 1012, witness: 1013 }).passwd).not.toContain('porter')
  })
})
