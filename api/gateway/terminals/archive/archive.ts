import type { Logger } from 'pino'
import { z } from 'zod'
import type { Append } from '../../../audit/append.ts'
import { type PersonId, personId, prototypeId, type SandboxId, sandboxId } from '../../../contract/ids.ts'
import type { Gauge } from '../../../room/gauge.ts'
import { recordingLimitsOf, type WantedRecordings } from '../../../room/recordings.ts'
import { alone } from '../../../store/alone.ts'
import type { Store } from '../../../store/connect.ts'
import { createLedger, type KeptSandbox, sandboxesIn } from './ledger.ts'
import { type Expired, removeExpired } from './retention.ts'

const COUNT_EVERY_MS = 60_000
const LOOK_FOR_EXPIRED_EVERY = 60
const DAY_MS = 86_400_000

interface ArchiveDeps {
  db: Store
  root: string
  wanted: WantedRecordings
  gauge: Gauge
  append: Append
  personOf: (id: SandboxId) => PersonId | null
  log: Logger
}

const kept = z.object({ id: sandboxId, owner: personId, state: z.string() })
const expired = z.array(z.object({ id: sandboxId, prototype: prototypeId, owner: personId }))

/** All recordings of this machine: who has how much, and what is removed after its time. */
export function createArchive({ db, root, wanted, gauge, append, personOf, log }: ArchiveDeps) {
  const ledger = createLedger({
    root,
    gauge,
    limits: () => recordingLimitsOf(diskBytesOf(gauge), wanted),
    read: (ids) => readKept(db, ids),
    personOf,
  })
  const state = { looks: 0, closed: false }

  async function look(): Promise<void> {
    const isTime = state.looks++ % LOOK_FOR_EXPIRED_EVERY === 0
    if (isTime) await alone(db, 'recordings', () => sweep())
    await ledger.recount()
  }
  async function sweep(): Promise<void> {
    for (const one of await readExpired(db, await sandboxesIn(root), wanted.keptDays)) {
      if (state.closed) return
      await removeExpired(one, { root, keptDays: wanted.keptDays, append })
      log.info({ sandbox: one.id }, 'recordings removed: they were kept long enough')
    }
  }
  const queue = { running: Promise.resolve() }
  const lookSoon = () => {
    queue.running = queue.running.then(look).catch((error) => log.warn({ err: error }, 'recordings were not counted'))
  }

  const counted = ledger.recount()
  counted.catch((error) => log.error({ err: error }, 'recordings cannot be counted: no terminal can be opened'))
  lookSoon()
  const timer = setInterval(lookSoon, COUNT_EVERY_MS).unref()
  return {
    forSandbox: ledger.forSandbox,
    release: ledger.release,
    async close() {
      state.closed = true
      clearInterval(timer)
      await queue.running
    },
  }
}
export type Archive = ReturnType<typeof createArchive>

const diskBytesOf = (gauge: Gauge) =>
  gauge.room().disks.find(({ holds }) => holds.includes('recordings'))?.totalBytes ?? 0

async function readKept(db: Store, ids: readonly SandboxId[]): Promise<KeptSandbox[]> {
  if (ids.length === 0) return []
  const rows = await db
    .selectFrom('sandboxes')
    .select(['id', 'owner_id as owner', 'state'])
    .where('id', 'in', [...ids])
    .execute()
  return rows.map((row) => {
    const { id, owner, state } = kept.parse(row)
    return { id, owner, removed: state === 'removed' }
  })
}

async function readExpired(db: Store, ids: readonly SandboxId[], keptDays: number): Promise<Expired[]> {
  if (ids.length === 0) return []
  const rows = await db
    .selectFrom('sandboxes')
    .select(['id', 'prototype_id as prototype', 'owner_id as owner'])
    .where('id', 'in', [...ids])
    .where('state', '=', 'removed')
    .where('updated_at', '<', new Date(Date.now() - keptDays * DAY_MS))
    .execute()
  return expired.parse(rows)
}
