import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import { connect } from '../../../api/store/connect.ts'

/**
 * A migrated, empty database of its own in the project's PostgreSQL (postgres.ts). `db` is the owner's pool; the programs
 * under test get `serverUrl` and `gatewayUrl`. `close` drops the database, whoever is still connected.
 */
export async function testDatabase() {
  const urls = inject('databaseUrls')
  const name = `test_${randomBytes(6).toString('hex')}`
  const urlIn = (url: string) => url.replace(/\/\w+\?/, `/${name}?`)
  await administer(urls.owner, `CREATE DATABASE ${name} TEMPLATE backlot`)
  const db = connect(urlIn(urls.owner), { max: 3 })
  return {
    ownerUrl: urlIn(urls.owner),
    serverUrl: urlIn(urls.server),
    gatewayUrl: urlIn(urls.gateway),
    db,
    async close() {
      await db.destroy()
      await administer(urls.owner, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    },
  }
}
export type TestDatabase = Awaited<ReturnType<typeof testDatabase>>

/** Not in the database `backlot`: a template must have no connections while it is copied. */
async function administer(ownerUrl: string, statement: string) {
  const client = new pg.Client({ connectionString: ownerUrl.replace(/\/\w+\?/, '/postgres?') })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
