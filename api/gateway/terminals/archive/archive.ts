import { setTimeout as delay } from 'node:timers/promises'
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
const SWEEP_EVERY_MS = 3_600_000
const RETRY_MS = 2_000
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
  const closing = new AbortController()
  const state = { sweepAt: 0 }

  async function look(): Promise<void> {
    await ledger.recount()
    if (performance.now() < state.sweepAt) return
    await alone(db, 'recordings', sweep)
    state.sweepAt = performance.now() + SWEEP_EVERY_MS
  }
  async function sweep(): Promise<void> {
    for (const one of await readExpired(db, await sandboxesIn(root), wanted.keptDays)) {
      if (closing.signal.aborted) return
      await removeExpired(one, { root, keptDays: wanted.keptDays, append }).then(
        () => log.info({ sandbox: one.id }, 'recordings removed: they were kept long enough'),
        (error) => log.error({ err: error, sandbox: one.id }, 'recordings were not removed: tried again later'),
      )
    }
  }
  /** Until they were counted once, no terminal can be opened. */
  async function keepLooking(): Promise<void> {
    while (!closing.signal.aborted) {
      const pauseMs = await look().then(
        () => COUNT_EVERY_MS,
        (error) => {
          log.warn({ err: error }, 'recordings were not counted; trying again')
          return RETRY_MS
        },
      )
      await delay(pauseMs, undefined, { signal: closing.signal, ref: false }).catch(() => {})
    }
  }

  const looking = keepLooking()
  return {
    forSandbox: ledger.forSandbox,
    release: ledger.release,
    async close() {
      closing.abort()
      await looking
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
    // A hold keeps what it covers, recordings of deleted prototypes too.
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('sandboxes_held').select('hold_id').whereRef('sandbox_id', '=', 'sandboxes.id'))),
    )
    .where('updated_at', '<', new Date(Date.now() - keptDays * DAY_MS))
    .execute()
  return expired.parse(rows)
}
