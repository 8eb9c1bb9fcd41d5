/**
 * Law 2 under kill -9, of the writer and of PostgreSQL, at random moments under load. `N=200` for more rounds,
 * `SEED=…` to repeat one run's choices. A process kill, not a power cut: that fsync reaches the disk is PostgreSQL's claim.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSequencer } from '../../../api/audit/chain/sequence.ts'
import { verifyChain } from '../../../api/audit/chain/verify.ts'
import { connect } from '../../../api/store/connect.ts'
import { type TestCluster, testCluster } from '../../support/database/cluster.ts'
import { until } from '../../support/until.ts'

const ROUNDS = Number(process.env.N ?? 40)
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000)
const LONGEST_LOAD_MS = 250
const SECONDS_A_ROUND = 5
const APPENDER = new URL('durability-appender.ts', import.meta.url).pathname

let cluster: TestCluster
beforeAll(async () => {
  cluster = await testCluster()
})
afterAll(() => cluster.close())

test(`every acknowledged event survives ${ROUNDS} kills, once, in a chain that verifies (seed ${SEED}) (A05)`, {
  timeout: 60_000 + ROUNDS * SECONDS_A_ROUND * 1_000,
}, async () => {
  const random = seeded(SEED)
  const sequencer = createSequencer(cluster.serverUrl)
  const acknowledged = new Map<string, number>()
  let writer = await startWriter(0, acknowledged)
  for (let round = 1; round <= ROUNDS; round += 1) {
    const victim = ['writer', 'postgres', 'both'][Math.floor(random() * 3)]
    // The random moment is the subject of the test, not a wait for something.
    await delay(random() * LONGEST_LOAD_MS)
    if (victim !== 'postgres') await endOf(writer.child)
    if (victim !== 'writer') {
      await cluster.kill()
      await cluster.start()
    }
    const known = acknowledged.size
    if (victim !== 'postgres') writer = await startWriter(round, acknowledged)
    await until(`round ${round} (${victim}) is writing again`, () => (acknowledged.size > known ? true : null))
  }
  await endOf(writer.child)

  const db = connect(cluster.serverUrl)
  await until('every event has its place', async () => {
    const waiting = await db.selectFrom('audit_unsequenced').select('arrival').limit(1).executeTakeFirst()
    return waiting ? null : true
  })
  const stored = await db
    .selectFrom('audit_chain as c')
    .innerJoin('audit_events as e', 'e.id', 'c.event_id')
    .select(['e.id', 'e.correlation'])
    .execute()
  const ids = new Set(stored.map(({ id }) => id))
  const lost = [...acknowledged].filter(([id]) => !ids.has(id))
  const verdict = await verifyChain(db)
  await db.destroy()
  await sequencer.close()
  expect(lost).toEqual([])
  expect(new Set(stored.map(({ correlation }) => correlation)).size).toBe(stored.length)
  expect(verdict).toEqual({ ok: true, events: stored.length, waiting: 0 })
  expect(acknowledged.size).toBeGreaterThan(ROUNDS)
})

/** Resolves when it has been acknowledged for its first event; every id goes to `acknowledged`, with its round. */
async function startWriter(round: number, acknowledged: Map<string, number>) {
  const child = spawn(process.execPath, [APPENDER, cluster.gatewayUrl, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface(child.stdout)
  lines.on('line', (id) => acknowledged.set(id, round))
  await once(lines, 'line')
  return { child }
}

/** kill -9, and everything that it had printed read. */
async function endOf(child: ChildProcess) {
  const closed = once(child, 'close')
  child.kill('SIGKILL')
  await closed
}

/** mulberry32: small, and the same on every machine. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
