import { auditEvent } from '../../audit/event.ts'
import type { Outbox } from '../../audit/outbox.ts'
import type { Gauge } from '../../room/gauge.ts'
import { availableBytes, type Room } from '../../room/judge.ts'

const common = { actor: { type: 'system', id: 'server' } } as const

/** Security learns when the disk becomes low and when it has room again. Here alone, so that each is said once. */
export function recordRoom(gauge: Pick<Gauge, 'room' | 'onChange'>, outbox: Pick<Outbox, 'send'>): void {
  const record = (room: Room) => void outbox.send(describe(room))
  gauge.onChange(record)
  if (gauge.room().low) record(gauge.room())
}

function describe({ low, disks, words }: Room) {
  const [tightest] = disks.toSorted((one, other) => marginOf(one) - marginOf(other))
  const freeBytes = tightest ? availableBytes(tightest) : 0
  const reserveBytes = tightest?.reserveBytes ?? 0
  if (!low)
    return auditEvent('disk.recovered', {
      ...common,
      decision: 'info',
      reason: 'room-again',
      detail: { freeBytes, reserveBytes },
    })
  const detail = { freeBytes, reserveBytes, words: words ?? '' }
  return auditEvent('disk.low', { ...common, decision: 'deny', reason: 'no-room', detail })
}

const marginOf = (disk: Room['disks'][number]) => availableBytes(disk) - disk.reserveBytes
