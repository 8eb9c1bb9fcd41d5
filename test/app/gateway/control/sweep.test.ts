import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { createKeyedQueue } from '../../../../api/flow/keyed-queue.ts'
import { createDoors } from '../../../../api/gateway/doors.ts'
import { createIdentities } from '../../../../api/gateway/identities.ts'
import { createDemo } from '../../../../api/gateway/models/demo/answer.ts'
import { newId } from '../../../../api/ids.ts'
import { testDatabase } from '../../../support/database/database.ts'
import { roomy, roomyGauge } from '../../../support/room.ts'

/** The server may make a sandbox, and ask for its door, between the gateway's reading and its sweep. */
const PORTER_USER = 1_879_048_192

/** Doors of one instance over the folder that all share. `everywhere`: what its sweep reads in the database. */
async function sweeping(everywhere?: (folder: string) => Promise<ReadonlySet<string>>) {
  const database = await testDatabase()
  onTestFinished(() => database.close())
  const folder = await mkdtemp(join(tmpdir(), 'bl-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const identities = createIdentities(database.db, 0)
  const append = async () => {}
  const doors = createDoors({
    identities: {
      ...identities,
      ...(everywhere ? { everywhere: () => everywhere(folder) } : {}),
      porterUserOf: () => PORTER_USER,
    },
    paths: { sandboxes: folder, recordings: join(folder, 'recordings') },
    egress: { append, resolve: async () => [], dial: () => Promise.reject(new Error()), own: () => new Set() },
    models: {
      append,
      providers: { catalog: () => ({ providers: new Map(), assignments: [] }), keyOf: () => null },
      demo: createDemo(),
    },
    compression: createKeyedQueue(),
    gauge: roomyGauge,
    archive: { forSandbox: () => roomy, release: () => {} },
    log: pino({ level: 'silent' }),
  })
  onTestFinished(() => doors.closeAll())
  return { folder, doors }
}

test('a sweep takes away what the database does not know, and no open door', async () => {
  const { folder, doors } = await sweeping()
  const [young, gone] = [newId('sb'), newId('sb')]
  await doors.open(young)
  await mkdir(join(folder, gone))
  await doors.sweep()
  expect(existsSync(join(folder, young, 'porter.sock'))).toBe(true)
  expect(existsSync(join(folder, gone))).toBe(false)
})

test('nor what another instance makes while it sweeps, which the database did not know yet when it was read', async () => {
  const others = newId('sb')
  const { folder, doors } = await sweeping(async (folder) => {
    await mkdir(join(folder, others))
    return new Set()
  })
  await doors.sweep()
  expect(existsSync(join(folder, others))).toBe(true)
})
