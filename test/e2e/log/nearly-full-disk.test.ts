/**
 * A sandbox that fills the disk: it is shut out before the reserve is touched, PostgreSQL goes on writing what people do, and
 * everything comes back when there is room. The built-in database, the recordings and the state are on a small disk.
 */
import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { DiskConfig } from '../../../api/config.ts'
import { invited } from '../../../api/contract/people.ts'
import { openGauge } from '../../../api/room/gauge.ts'
import { reserveOf } from '../../../api/room/judge.ts'
import { connect } from '../../../api/store/connect.ts'
import { type RealGateway, startRealGateway } from '../../app/gateway/control/world.ts'
import { type TestCluster, testCluster } from '../../support/database/cluster.ts'
import { startServer, type TestServer } from '../../support/server/server.ts'
import { until } from '../../support/until.ts'

const MIB = 1_048_576
const DISK_MIB = 400
const RESERVE = reserveOf(DISK_MIB * MIB, null)
/** The sandbox has to write some of this before it is shut out, which is a little before the reserve. */
const LEFT_TO_FILL = RESERVE / 16 + 5 * MIB
const PATIENCE_MS = 60_000
const FLOODERS = 16
/** How long it goes on after it was shut out. */
const STILL_MS = 4_000
const run = promisify(execFile)

let disk: string
let cluster: TestCluster
let gateway: RealGateway
let server: TestServer
beforeAll(async () => {
  disk = await mkdtemp(join(tmpdir(), 'bl-disk-'))
  await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', disk])
  await chmod(disk, 0o755)
  cluster = await testCluster({ within: disk })
  const { serverUrl, gatewayUrl, ownerUrl } = cluster
  const db = connect(ownerUrl, { max: 3 })
  const database = { serverUrl, gatewayUrl, ownerUrl, db, close: () => db.destroy() }
  const places = { database: cluster.dataDirectory, recordings: disk, workspaces: disk }
  const config: DiskConfig = {
    places,
    reserveBytes: null,
    recordings: { personBytes: 10_000 * MIB, allBytes: 10_000 * MIB, keptDays: 90 },
  }
  gateway = await startRealGateway({ database, within: disk, disk: config })
  server = await startServer({ database, gateway: gateway.client, gauge: await openGauge(config) })
})
afterAll(async () => {
  await server?.close()
  await gateway?.close()
  await cluster?.close()
  await run('umount', ['--lazy', disk])
  await rm(disk, { recursive: true, force: true })
})

async function free() {
  const { bavail, bsize } = await statfs(disk)
  return bavail * bsize
}

/** Records noise, and asks for what it may not reach and what it may, again and again, until `signal`. */
async function flood(id: Awaited<ReturnType<RealGateway['sandbox']>>, signal: AbortSignal) {
  await gateway.client.openTerminal(id, { name: 'noise', cols: 80, rows: 24 })
  const { bytes } = await gateway.client.streamTerminal(id, 'noise', 0)
  bytes.on('error', () => {})
  bytes.write('cat /dev/urandom\n')
  bytes.resume()
  const ask = async (host: string) => {
    while (!signal.aborted) {
      await gateway.tryTunnel(id, host).catch(() => null)
      await delay(1)
    }
  }
  const asking = Array.from({ length: FLOODERS }, (_, at) => ask(at % 2 === 0 ? 'example.org' : `no-${at}.example`))
  return async () => {
    await Promise.all(asking)
    bytes.destroy()
  }
}

test('a flood of events and recordings is refused before the reserve; people go on, and so does everything once there is room (A40)', async () => {
  const [admin, security, pm] = [
    await server.personWith('admin'),
    await server.personWith('security'),
    await server.personWith('pm'),
  ]
  const id = await gateway.sandbox(pm.id, 'building')
  await gateway.claim(id)
  await gateway.porter(id)
  await gateway.tunnel(id)

  const ballast = join(disk, 'ballast')
  await writeFile(ballast, Buffer.alloc((await free()) - RESERVE - LEFT_TO_FILL))
  const least = { bytes: await free() }
  const over = new AbortController()
  onTestFinished(() => over.abort())
  const watch = (async () => {
    while (!over.signal.aborted) {
      least.bytes = Math.min(least.bytes, await free().catch(() => 0))
      await delay(20)
    }
  })()
  const flooded = await flood(id, over.signal)

  await until(
    'the server says that the disk is nearly full',
    async () => {
      const { status } = await server.ask('/readyz')
      return status === 503 || null
    },
    PATIENCE_MS,
  )
  // One that is open already would be found, and not opened.
  const tries = { terminals: 0 }
  await until(
    'the sandbox is shut out',
    async () => {
      const name = `more-${tries.terminals++}`
      const refused = await gateway.client.openTerminal(id, { name, cols: 80, rows: 24 }).catch((error) => error)
      return refused.code === 'no_room' || null
    },
    PATIENCE_MS,
  )
  expect((await server.ask('/readyz')).json).toMatchObject({ reasons: [expect.stringContaining('nearly full')] })
  const still = performance.now() + STILL_MS
  while (performance.now() < still) {
    expect(await gateway.tryTunnel(id, 'example.org')).toBeNull()
    await delay(100)
  }

  // What people do goes on, on the record.
  const create = { method: 'POST', body: { title: 'A page' } }
  expect((await pm.ask('/api/v1/prototypes', create)).status).toBe(507)
  const { link } = invited.parse((await admin.ask(`/api/v1/people/${pm.id}/link`, { method: 'POST' })).json)
  const signIn = { method: 'POST', body: { token: link.split('#token=')[1] } }
  expect((await server.ask('/api/v1/sessions', signIn)).status).toBe(201)
  const kill = { method: 'POST', body: { scope: 'sandbox', id } }
  expect((await security.ask('/api/v1/kill', kill)).status).toBe(204)
  expect((await security.ask('/api/v1/audit/events')).status).toBe(200)
  expect(await server.events('kill.ordered')).toHaveLength(1)
  expect(await server.events('session.created')).toHaveLength(1)

  over.abort()
  await flooded()
  await watch
  expect(least.bytes).toBeGreaterThan(RESERVE * 0.75)
  expect(await readFile(join(cluster.dataDirectory, 'postgres.log'), 'utf8')).not.toMatch(/No space left|PANIC/)
  await rm(ballast)
  await until('everything is well again', async () => ((await server.ask('/readyz')).status === 200 ? true : null))
  const next = await gateway.sandbox(pm.id, 'building')
  await gateway.claim(next)
  await gateway.porter(next)
  await gateway.tunnel(next)
  await until('a terminal can be opened', () =>
    gateway.client.openTerminal(next, { name: 'main', cols: 80, rows: 24 }).catch(() => null),
  )
  const [low, again] = [await server.events('disk.low'), await server.events('disk.recovered')]
  expect(low).toHaveLength(1)
  expect(again).toHaveLength(1)
}, 180_000)
