/** Law 2 on a full disk: what cannot be kept is not acknowledged. The database is on a small file system of its own. */
import { execFile } from 'node:child_process'
import { chmod, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AuditUnavailable, createAppender } from '../../../api/audit/append.ts'
import { createSequencer } from '../../../api/audit/chain/sequence.ts'
import { verifyChain } from '../../../api/audit/chain/verify.ts'
import { connect } from '../../../api/store/connect.ts'
import { placed, sampleEvent } from '../../app/audit/sample.ts'
import { type TestCluster, testCluster } from '../../support/database/cluster.ts'
import { until } from '../../support/until.ts'

const DEADLINE_MS = 1_000
const SLACK_MS = 1_000
const run = promisify(execFile)

let disk: string
let cluster: TestCluster
beforeAll(async () => {
  disk = await mkdtemp(join(tmpdir(), 'bl-disk-'))
  await run('mount', ['-t', 'tmpfs', '-o', 'size=256m', 'tmpfs', disk])
  await chmod(disk, 0o755)
  cluster = await testCluster({ within: disk })
})
afterAll(async () => {
  await cluster?.close()
  await run('umount', ['--lazy', disk])
  await rm(disk, { recursive: true, force: true })
})

async function fill(file: string) {
  const { bavail, bsize } = await statfs(disk)
  await writeFile(file, Buffer.alloc(bavail * bsize))
}

test('while the disk is full nothing is acknowledged that is not kept, and it recovers when there is room (A06)', async () => {
  const appender = createAppender(cluster.gatewayUrl, { deadlineMs: DEADLINE_MS })
  const acknowledged: string[] = []
  /** True when it was acknowledged, false when it was refused, in time either way. */
  const append = async () => {
    const event = sampleEvent({ detail: { raw: 'x'.repeat(400) } })
    const began = performance.now()
    const kept = await appender.append(event).then(
      () => true,
      (error) => {
        expect(error).toBeInstanceOf(AuditUnavailable)
        return false
      },
    )
    expect(performance.now() - began).toBeLessThan(DEADLINE_MS + SLACK_MS)
    if (kept) acknowledged.push(event.id)
    return kept
  }
  expect(await append()).toBe(true)

  const ballast = join(disk, 'ballast')
  await fill(ballast)
  // What pages and the write-ahead log still had room for is kept, and then no more.
  await until('an event is refused', async () => ((await append()) ? null : true), 60_000)
  expect(await append()).toBe(false)
  // Nobody writes now. That there is still no room has to be found out all the same: /readyz asks this.
  const looks: boolean[] = []
  for (let look = 0; look < 10; look++) {
    looks.push(appender.healthy())
    await delay(200)
  }
  expect(looks).toEqual(Array(10).fill(false))

  await rm(ballast)
  // PostgreSQL gives up when it cannot write its log ahead; the launcher starts it again.
  if ((await cluster.processes()).length === 0) await cluster.start()
  await until('events are taken again', async () => ((await append()) ? true : null), 60_000)
  await appender.close()

  const sequencer = createSequencer(cluster.serverUrl)
  const db = connect(cluster.serverUrl)
  const stored = await db.selectFrom('audit_events').select('id').execute()
  const ids = new Set(stored.map(({ id }) => id))
  expect(acknowledged.filter((id) => !ids.has(id))).toEqual([])
  await placed(db, stored.length)
  expect(await verifyChain(db)).toEqual({ ok: true, events: stored.length, waiting: 0 })
  await db.destroy()
  await sequencer.close()
})
