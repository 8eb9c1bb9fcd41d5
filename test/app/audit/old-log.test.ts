/** A log that was written before a migration goes on: its places stay, what waited is placed, and verify holds. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CompiledQuery, sql } from 'kysely'
import { expect, test } from 'vitest'
import { canonicalJson } from '../../../api/audit/canonical.ts'
import { chainHash, GENESIS, leafHash } from '../../../api/audit/chain/chain.ts'
import { createSequencer } from '../../../api/audit/chain/sequence.ts'
import { verifyChain } from '../../../api/audit/chain/verify.ts'
import { listEvents } from '../../../api/server/audit/read.ts'
import { connect } from '../../../api/store/connect.ts'
import { testDatabase } from '../../support/database/database.ts'
import { placed, sampleEvent } from './sample.ts'

const FOLDER = join(import.meta.dirname, '../../../api/store/migrations')
const PERSON = 'pe_aaaaaaaaaaaaaaaa'

test('a log of version 004 goes on', async () => {
  const database = await testDatabase()
  const owner = connect(database.ownerUrl, { max: 1 })
  const run = (statement: string) => owner.executeQuery(CompiledQuery.raw(statement))
  const files = (await readdir(FOLDER)).sort()
  const apply = async (wanted: (file: string) => boolean) => {
    for (const file of files.filter(wanted)) await run(await readFile(join(FOLDER, file), 'utf8'))
  }
  await run('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
  await apply((file) => file < '005')

  const bodies = Array.from({ length: 6 }, () => canonicalJson(sampleEvent({ person: PERSON })))
  let hash: Buffer = GENESIS
  for (const [index, body] of bodies.entries()) {
    await sql`INSERT INTO audit_events (body) VALUES (${body})`.execute(owner)
    if (index >= 4) continue
    const leaf = leafHash(body)
    hash = chainHash(hash, leaf)
    await sql`WITH gone AS (DELETE FROM audit_unsequenced RETURNING event_id)
      INSERT INTO audit_chain SELECT ${index + 1}::bigint, event_id, ${leaf}, ${hash} FROM gone`.execute(owner)
  }
  await apply((file) => file >= '005')

  expect(await verifyChain(owner)).toEqual({ ok: true, events: 4, waiting: 2 })
  const sequencer = createSequencer(database.serverUrl)
  await sql`INSERT INTO audit_events (body) VALUES (${canonicalJson(sampleEvent())})`.execute(owner)
  await placed(owner, 7)
  expect(await verifyChain(owner)).toEqual({ ok: true, events: 7, waiting: 0 })
  expect((await listEvents(owner, { limit: 10, person: PERSON })).items).toHaveLength(6)
  await sequencer.close()
  await owner.destroy()
  await database.close()
})
