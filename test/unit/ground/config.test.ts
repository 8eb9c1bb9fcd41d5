import { describe, expect, test } from 'vitest'
import { readOptions } from '../../../api/bin/options.mjs'
import { gatewayConfig, runnerConfig, serverConfig } from '../../../api/config.ts'

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

describe('room on the disk', () => {
  const url = (socketFolder: string) => `postgres://role:secret@localhost:5432/backlot?host=${socketFolder}`
  const disk = (environment: Record<string, string>) =>
    gatewayConfig({ DATABASE_URL: url('/state/postgres-socket'), BACKLOT_HOME: '/state', ...environment }).disk

  test('of the built-in database too, and of no other', () => {
    expect(disk({}).places.database).toBe('/state/postgres')
    expect(disk({ DATABASE_URL: 'postgres://role:secret@database:5432/backlot' }).places.database).toBeNull()
    expect(disk({ DATABASE_URL: url('/var/run/postgresql') }).places.database).toBeNull()
  })

  test('what is not said, or said as docker-compose.yml leaves it, is the usual', () => {
    const usual = { reserveBytes: null, recordings: { personBytes: null, allBytes: null, keptDays: 90 } }
    expect(disk({})).toMatchObject(usual)
    const empty = { BACKLOT_DISK_RESERVE: '', BACKLOT_RECORDINGS_PERSON: '', BACKLOT_RECORDINGS_DAYS: '' }
    expect(disk(empty)).toMatchObject(usual)
    expect(runnerConfig(empty).reserveBytes).toBeNull()
  })

  test('what is said counts', () => {
    const said = { BACKLOT_DISK_RESERVE: '4GiB', BACKLOT_RECORDINGS_PERSON: '512MiB', BACKLOT_RECORDINGS_DAYS: '7' }
    const recordings = { personBytes: 2 ** 29, allBytes: null, keptDays: 7 }
    expect(disk(said)).toMatchObject({ reserveBytes: 2 ** 32, recordings })
  })

  test.each([
    ['BACKLOT_DISK_RESERVE', '4GB'],
    ['BACKLOT_RECORDINGS_ALL', '0GiB'],
    ['BACKLOT_RECORDINGS_DAYS', '0'],
  ])('%s=%s is refused', (name, value) => {
    expect(() => disk({ [name]: value })).toThrow(name)
  })
})
