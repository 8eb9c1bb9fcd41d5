import { execFile } from 'node:child_process'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startEmbedded } from '../../../api/store/embedded.ts'
import { commandAs, postgresUser } from '../../../api/store/postgres-user.ts'
import { type TestCluster, testCluster } from '../../support/database/cluster.ts'

let cluster: TestCluster
beforeAll(async () => {
  cluster = await testCluster()
  await query("INSERT INTO people (id, email, name, roles) VALUES ('pe_1', 'a@example.org', 'A', '{}')")
})
afterAll(() => cluster.close())

async function query(statement: string, url = cluster.ownerUrl) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(statement)).rows
  } finally {
    await client.end()
  }
}
const pidFile = () => join(cluster.dataDirectory, 'cluster', 'postmaster.pid')
const postmaster = async () => Number((await readFile(pidFile(), 'utf8')).split('\n')[0])

/** What a killed launcher or a crashed machine leaves behind. */
const leftovers: Array<[what: string, leave: () => Promise<unknown>]> = [
  ['PostgreSQL and all its processes killed', () => cluster.kill()],
  ['PostgreSQL still running', async () => {}],
  ['PostgreSQL frozen', () => cluster.freeze()],
  [
    'the postmaster killed while a backend is busy',
    async () => {
      const busy = new pg.Client({ connectionString: cluster.ownerUrl })
      busy.on('error', () => {})
      await busy.connect()
      busy.query('SELECT pg_sleep(600)').catch(() => {})
      await query('SELECT 1')
      process.kill(await postmaster(), 'SIGKILL')
    },
  ],
  [
    'a postmaster.pid that names a process which is not PostgreSQL',
    async () => {
      const left = await readFile(pidFile(), 'utf8')
      await cluster.kill()
      await writeFile(pidFile(), left.replace(/^\d+/, String(process.pid)))
    },
  ],
]
test.each(leftovers)('it starts after %s, and the data is there (A04)', async (_what, leave) => {
  await leave()
  await cluster.start()
  expect(await query('SELECT id FROM people')).toEqual([{ id: 'pe_1' }])
  expect(new Set((await cluster.processes()).map((pid) => pid > 0))).toEqual(new Set([true]))
})

test.each([
  ['listen_addresses', ''],
  ['fsync', 'on'],
  ['synchronous_commit', 'on'],
  ['full_page_writes', 'on'],
  ['data_checksums', 'on'],
  ['password_encryption', 'scram-sha-256'],
])('%s is "%s"', async (setting, value) => {
  expect(await query(`SHOW ${setting}`)).toEqual([{ [setting]: value }])
})

test('a wrong password is refused', async () => {
  const wrong = cluster.serverUrl.replace(/:[^:@]+@/, ':wrong@')
  await expect(query('SELECT 1', wrong)).rejects.toMatchObject({ code: '28P01' })
})

test('passwords are readable by their owner alone, and stand on no command line', async () => {
  const path = join(cluster.dataDirectory, 'passwords.json')
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  const secrets = [...(await readFile(path, 'utf8')).matchAll(/:"([^"]+)"/g)].map(([, secret]) => secret)
  expect(secrets).toHaveLength(3)
  const commands = await Promise.all((await cluster.processes()).map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8')))
  for (const secret of secrets) expect(commands.join(' ')).not.toContain(secret)
})

test('no process of it runs as root', async () => {
  for (const pid of await cluster.processes()) expect((await stat(`/proc/${pid}`)).uid).not.toBe(0)
})

test('it can be run from a folder that is closed to others, such as a clone in /root', async () => {
  const closed = join(cluster.dataDirectory, 'closed')
  await mkdir(closed, { mode: 0o700 })
  const program = join(closed, 'program')
  // `test -r` asks access(2), as initdb does for its own place; reading asks open(2).
  await writeFile(
    program,
    '#!/bin/sh\ntest -r "$0" && cat "$0" >/dev/null && id -u && grep CapEff /proc/self/status\n',
    { mode: 0o755 },
  )
  const { command, args } = await commandAs(await postgresUser(), program, [], [])
  const [uid, capabilities] = (await promisify(execFile)(command, args)).stdout.trim().split('\n')
  expect(uid).not.toBe('0')
  // Nothing more than to walk and read: CAP_DAC_READ_SEARCH, or CAP_DAC_OVERRIDE, or none where we are not root.
  expect(capabilities).toMatch(/^CapEff:\s0{15}[024]$/)
})

test('a socket path that the system would cut off is refused, with what to do', async () => {
  const long = join(cluster.socketDirectory, 'x'.repeat(100))
  const started = startEmbedded({ dataDirectory: join(cluster.dataDirectory, 'other'), socketDirectory: long })
  await expect(started).rejects.toThrow(/too long.*BACKLOT_HOME/)
})
