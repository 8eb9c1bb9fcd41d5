/** What one person may record, over prototypes that come and go; and how often terminals are opened. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { PersonId, SandboxId } from '../../../../api/contract/ids.ts'
import { createLedger } from '../../../../api/gateway/terminals/archive/ledger.ts'
import { newId } from '../../../../api/ids.ts'
import { gaugeOn, roomy, someDisk } from '../../../support/room.ts'
import { type PorterWorld, porterWorld, startPorter } from '../../../support/sandbox/porter.ts'
import { readUntil } from '../../../support/sandbox/read-until.ts'
import { until } from '../../../support/until.ts'

const MB = 1_000_000
const size = { cols: 80, rows: 24 }

let world: PorterWorld
let porter: ReturnType<typeof startPorter>
let room: Awaited<ReturnType<typeof gaugeOn>>
beforeEach(async () => {
  world = await porterWorld()
  porter = startPorter(world.socketPath)
  room = await gaugeOn(someDisk())
})
afterEach(async () => {
  porter.close()
  await world.close()
  await room.gauge.close()
})

/** The sandboxes of some people, and a ledger of what they recorded. */
function archiveOf(limits: { personBytes: number; allBytes: number }) {
  const owners = new Map<SandboxId, PersonId>()
  const root = join(world.folder, 'all')
  const makeLedger = () =>
    createLedger({
      root,
      gauge: room.gauge,
      limits: () => ({ ...limits, keptDays: 90 }),
      read: async (ids) =>
        ids.flatMap((id) => {
          const owner = owners.get(id)
          return owner ? [{ id, owner, removed: true }] : []
        }),
      personOf: (id) => owners.get(id) ?? null,
    })
  const state = { ledger: makeLedger() }
  return {
    root,
    async restart() {
      state.ledger = makeLedger()
      await state.ledger.recount()
    },
    /** A new prototype, about a MB of noise in its terminal, and it is deleted. */
    async cycle(owner: PersonId) {
      const id = newId('sb')
      owners.set(id, owner)
      const gateway = await world.startGateway({ shared: state.ledger.forSandbox(id), directory: join(root, id) })
      await gateway.connected()
      try {
        await gateway.terminals.open({ name: 'main', ...size })
        const { bytes } = await gateway.terminals.stream('main', 0)
        const ended = new Promise((over) => bytes.once('end', over))
        bytes.write('head -c 700000 /dev/urandom | base64; exit\n')
        bytes.resume()
        await ended
        return (await gateway.terminals.list())[0]?.reason ?? 'exited'
      } finally {
        await gateway.stop()
        state.ledger.release(id)
      }
    },
  }
}

test('who makes, records and deletes prototypes comes to an end, is told why, and takes nothing from others (A41)', async () => {
  const archive = archiveOf({ personBytes: 3 * MB, allBytes: 100 * MB })
  await archive.restart()
  const [greedy, other] = [newId('pe'), newId('pe')]
  const ends: string[] = []
  for (let turn = 0; turn < 6; turn++)
    ends.push(await archive.cycle(greedy).catch((error: unknown) => (error instanceof Error ? error.message : '')))
  expect(ends.slice(0, 2)).toEqual(['exited', 'exited'])
  // One that may still begin is stopped where the quota ends, or none may begin any more.
  expect(ends.at(-1)).toContain('The recordings of your terminals have reached their limit')
  expect(ends.at(-1)).toContain('90 days')
  await expect(archive.cycle(other)).resolves.toBe('exited')

  // Another gateway, which knows what is on the disk.
  await archive.restart()
  await expect(archive.cycle(greedy)).rejects.toMatchObject({ code: 'limit_reached' })
  await expect(archive.cycle(other)).resolves.toBe('exited')
}, 120_000)

test('all together have a limit too (A41)', async () => {
  const archive = archiveOf({ personBytes: 3 * MB, allBytes: 2.3 * MB })
  await archive.restart()
  await expect(archive.cycle(newId('pe'))).resolves.toBe('exited')
  await expect(archive.cycle(newId('pe'))).resolves.toBe('exited')
  await expect(archive.cycle(newId('pe'))).rejects.toThrow('All recordings together')
}, 120_000)

test('what cannot be counted lets nothing new be recorded (A41)', async () => {
  const archive = archiveOf({ personBytes: 3 * MB, allBytes: 100 * MB })
  await expect(archive.cycle(newId('pe'))).rejects.toThrow('cannot be read')
})

test('terminals that are opened and closed without end are refused after a while, and leave nothing more (A42)', async () => {
  const gateway = await world.startGateway({ openingRate: { burst: 3, perSecond: 0.001 } })
  await gateway.connected()
  const turn = async () => {
    await gateway.terminals.open({ name: 'main', ...size })
    await gateway.terminals.remove('main')
  }
  for (let done = 0; done < 3; done++) await turn()
  await expect(turn()).rejects.toMatchObject({ code: 'throttled', message: expect.stringContaining('very often') })
  expect(await readdir(join(world.folder, 'recordings', 'main'))).toHaveLength(3)
  expect(world.events.filter(({ kind }) => kind === 'terminal.opened')).toHaveLength(3)
})

test('an opening counts for more than its bytes (A42)', async () => {
  const archive = archiveOf({ personBytes: 100 * MB, allBytes: 100 * MB })
  const used: number[] = []
  const shared = { ...roomy, use: (bytes: number) => void used.push(bytes) }
  const gateway = await world.startGateway({ shared, directory: join(archive.root, newId('sb')) })
  await gateway.connected()
  await gateway.terminals.open({ name: 'main', ...size })
  expect(used[0]).toBeGreaterThanOrEqual(49_152)
})

test('while the disk is low no terminal is opened, and what prints waits until there is room (A40)', async () => {
  const archive = archiveOf({ personBytes: 100 * MB, allBytes: 100 * MB })
  await archive.restart()
  const ledger = createLedger({
    root: archive.root,
    gauge: room.gauge,
    limits: () => ({ personBytes: 100 * MB, allBytes: 100 * MB, keptDays: 90 }),
    read: async () => [],
    personOf: () => null,
  })
  await ledger.recount()
  const id = newId('sb')
  const gateway = await world.startGateway({ shared: ledger.forSandbox(id), directory: join(archive.root, id) })
  await gateway.connected()
  await gateway.terminals.open({ name: 'main', ...size })
  const { bytes } = await gateway.terminals.stream('main', 0)
  await readUntil(bytes, '$ ')
  await room.set(someDisk(1), true)
  const offset = async () => (await gateway.terminals.list())[0]?.offset ?? 0
  const before = await offset()
  bytes.write('echo aft""er\n')
  await expect(gateway.terminals.open({ name: 'other', ...size })).rejects.toMatchObject({ code: 'no_room' })
  await until('the program has printed', () => (porter.terminals.list()[0]?.offset ?? 0) > before || null)
  expect(await offset()).toBe(before)
  await room.set(someDisk(), false)
  await readUntil(bytes, 'after\r\n')
})
