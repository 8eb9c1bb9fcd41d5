import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { checkAddress, whatToDo } from '../../../api/bin/launch/database/outside.ts'
import { urlOf } from '../../../api/bin/launch/database/secrets.ts'

describe('another role goes to the same database, however the address is written', () => {
  test.each([
    ['postgres://owner:old@db.example.org:6432/backlot', 'db.example.org', 6432],
    ['postgresql://owner:old@db.example.org/backlot?application_name=x', 'db.example.org', 5432],
    ['postgres://owner:old@[::1]:6432/backlot', '::1', 6432],
    ['postgres://owner:old@localhost:6432/backlot?host=/run/postgresql', '/run/postgresql', 6432],
    ['postgres://owner:old@/backlot?host=/run/postgresql', '/run/postgresql', 5432],
    ['postgres:///backlot?host=/run/postgresql&user=owner&password=old', '/run/postgresql', 5432],
    ['postgres://%2Frun%2Fpostgresql/backlot?user=owner', '/run/postgresql', 5432],
    ['postgres://owner:p%40%2Fss@db.example.org/backlot', 'db.example.org', 5432],
  ])('%s', (ownerUrl, host, port) => {
    checkAddress(ownerUrl)
    const client = new pg.Client({ connectionString: urlOf(ownerUrl, 'backlot_server', 'new') })
    const { user, password, database } = client
    expect({ user, password, database, host: client.host, port: client.port }).toEqual({
      user: 'backlot_server',
      password: 'new',
      database: 'backlot',
      host,
      port,
    })
  })
})

describe('an address that cannot be one is refused, without its password', () => {
  test.each([
    'backlot',
    '/run/postgresql backlot',
    'mysql://owner:secret@db.example.org/backlot',
    'postgres://owner:secret@db.example.org',
    'postgres://owner:secret@db.example.org/',
    'postgres://owner:secret@db.example.org:port/backlot',
  ])('%s', (databaseUrl) => {
    expect(() => checkAddress(databaseUrl)).toThrow(/must look like postgres:\/\/user:password@host/)
    expect(() => checkAddress(databaseUrl)).not.toThrow(/secret/)
  })
})

describe('what PostgreSQL answers becomes what to do', () => {
  const failed = (code: string, message: string) => Object.assign(new Error(message), { code })
  test.each([
    [failed('ECONNREFUSED', ''), /does not answer at db\.example\.org:6432 \(ECONNREFUSED\)\. Start it/],
    [failed('ENOTFOUND', 'getaddrinfo ENOTFOUND'), /does not answer/],
    [new Error('timeout expired'), /does not answer/],
    [failed('57P03', 'the database system is starting up'), /starting up/],
    [failed('28P01', 'password authentication failed'), /does not let "owner" in .*Correct the user and the password/],
    [new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string'), /does not let "owner" in/],
    [failed('3D000', 'database does not exist'), /CREATE DATABASE "backlot" OWNER "owner"/],
    [failed('42501', 'permission denied to create role'), /ALTER ROLE "owner" CREATEROLE/],
    [failed('42501', 'permission denied to alter role'), /WITH ADMIN OPTION/],
    [new Error('0001.sql failed', { cause: failed('42501', 'must be owner of schema public') }), /OWNER TO "owner"/],
    [failed('42P01', 'something of ours'), /^something of ours$/],
  ])('%s', (error, words) => {
    const told = whatToDo(error, 'postgres://owner:secret@db.example.org:6432/backlot')
    expect(told).toMatchObject({ message: expect.stringMatching(words) })
    expect(String(told)).not.toContain('secret')
  })
})
