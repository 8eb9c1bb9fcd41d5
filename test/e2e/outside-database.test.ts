/** `npm start` with DATABASE_URL: a PostgreSQL that somebody else runs, and a role of it that is no superuser. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { prototypeList } from '../../api/contract/prototypes.ts'
import { startEmbedded } from '../../api/store/embedded.ts'
import { type Platform, startPlatform } from '../support/server/platform.ts'
import { runProgram } from '../support/server/program.ts'

const PASSWORD = 'a/password@with:signs'
let folder: string
let postgres: Awaited<ReturnType<typeof startEmbedded>>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bl-'))
  postgres = await startEmbedded({ dataDirectory: join(folder, 'data'), socketDirectory: join(folder, 'run') })
  const administrator = new pg.Client({ connectionString: postgres.ownerUrl })
  await administrator.connect()
  await administrator.query(`CREATE ROLE company LOGIN CREATEROLE PASSWORD '${PASSWORD}'`)
  await administrator.query(`CREATE ROLE newcomer LOGIN PASSWORD '${PASSWORD}'`)
  await administrator.query('CREATE DATABASE prototypes OWNER company')
  await administrator.query('CREATE DATABASE empty OWNER newcomer')
  await administrator.end()
})
afterAll(async () => {
  await postgres?.close()
  await rm(folder, { recursive: true, force: true })
})

/** As libpq writes a socket's folder: with an empty host. */
function addressFor(user: string, database: string, { password = PASSWORD, host = join(folder, 'run') } = {}): string {
  return `postgres://${user}:${encodeURIComponent(password)}@/${database}?host=${encodeURIComponent(host)}`
}

describe('says in one message what to do', () => {
  test.each([
    {
      what: 'nothing answers',
      address: () => addressFor('company', 'prototypes', { host: join(folder, 'nowhere') }),
      words: /does not answer at .*nowhere.*Start it, or correct the address/,
    },
    {
      what: 'nothing answers on a port',
      address: () => `postgres://company:${encodeURIComponent(PASSWORD)}@127.0.0.1:1/prototypes`,
      words: /does not answer at 127\.0\.0\.1:1 \(.*ECONNREFUSED/,
    },
    {
      what: 'the password is wrong',
      address: () => addressFor('company', 'prototypes', { password: 'not-it-8431' }),
      words: /does not let "company" in .*Correct the user and the password/,
    },
    {
      what: 'the user may not create roles',
      address: () => addressFor('newcomer', 'empty'),
      words: /"newcomer" of DATABASE_URL may not .*\n {2}ALTER ROLE "newcomer" CREATEROLE/,
    },
    {
      what: 'the database belongs to somebody else',
      address: () => addressFor('company', 'empty'),
      words: /"company" of DATABASE_URL may not .*\n.*ALTER DATABASE "empty" OWNER TO "company"/,
    },
    {
      what: 'there is no such database',
      address: () => addressFor('company', 'absent'),
      words: /no database "absent".*CREATE DATABASE "absent" OWNER "company"/,
    },
  ])('when $what', async ({ address, words }) => {
    const home = await mkdtemp(join(tmpdir(), 'bl-'))
    try {
      const env = { BACKLOT_HOME: home, DATABASE_URL: address() }
      const { code, stdout, stderr } = await runProgram('start.mjs', ['--json', '--no-install', '--port', '0'], env)
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toMatch(words)
      expect(stderr).not.toMatch(/\n\s+at |The logs are in|password@|8431/)
    } finally {
      await rm(home, { recursive: true, force: true })
    }
  })
})

test('people, prototypes and sandboxes are kept in it over a restart, and no other database is started', async () => {
  const env = { DATABASE_URL: addressFor('company', 'prototypes') }
  const home = await mkdtemp(join(tmpdir(), 'bl-'))
  const platforms: Platform[] = []
  const start = async () => {
    const platform = await startPlatform({ home, env })
    platforms.push(platform)
    return platform
  }
  try {
    const first = await start()
    const owner = await first.signIn()
    const { sandbox } = await owner.createPrototype('Elsewhere')
    expect(await first.stop()).toBe(0)

    const second = await start()
    const back = await second.signIn()
    const { items } = prototypeList.parse((await back.call('GET', '/prototypes')).body)
    expect(items).toMatchObject([{ title: 'Elsewhere', sandbox: { id: sandbox.id, state: 'claimed' } }])
    expect(await rm(join(home, 'postgres')).catch(({ code }) => code)).toBe('ENOENT')
    const verified = await runProgram('backlot.mjs', ['audit', 'verify'], { BACKLOT_HOME: home })
    expect(verified).toMatchObject({ code: 0, stderr: '' })
  } finally {
    for (const platform of platforms.toReversed()) await platform.close()
    await rm(home, { recursive: true, force: true })
  }
})
