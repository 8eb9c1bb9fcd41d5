import { Button } from '@mantine/core'
import { useState } from 'react'
import type { AuditView } from '../../../../api/contract/audit.ts'
import { Bones, Empty, Failure } from '../../components/feedback/Waiting.tsx'
import { EventDrawer } from '../../modules/audit/EventDrawer.tsx'
import { EventRow } from '../../modules/audit/EventRow.tsx'
import { type Filter, foldsRoutine, isFiltered, isTimed } from '../../modules/audit/filter.ts'
import { RoutineRow } from '../../modules/audit/RoutineRow.tsx'
import { foldRoutine, type Line } from '../../modules/audit/routine.ts'
import type { Log } from '../../modules/audit/use-log.ts'
import styles from './Now.module.css'
import { Older } from './Older.tsx'

interface Props {
  log: Log
  /** What `log` was asked for. */
  filter: Filter
  onShowEverything: () => void
}

/** What the search found, newest first, and the way back. */
export const Events = ({ log, filter, onShowEverything }: Props) => {
  const [opened, setOpened] = useState<AuditView | null>(null)
  if (!log.begun) return log.error ? <Failure error={log.error} onRetry={log.retry} /> : <Bones rows={8} />
  const lines: Line[] = foldsRoutine(filter)
    ? foldRoutine(log.shown)
    : log.shown.map((event) => ({ type: 'event', event }))
  return (
    <>
      {lines.length === 0 && <Nothing filter={filter} onShowEverything={onShowEverything} />}
      {lines.length > 0 && (
        <ol className={styles.list}>
          {lines.map((line) =>
            line.type === 'event' ? (
              <EventRow key={line.event.seq} event={line.event} onOpen={setOpened} />
            ) : (
              <RoutineRow key={line.events.at(-1)?.seq} events={line.events} onOpen={setOpened} />
            ),
          )}
        </ol>
      )}
      <Older log={log} filter={filter} />
      <EventDrawer event={opened} onClose={() => setOpened(null)} />
    </>
  )
}

/** The server looked through everything that the filter covers: only then is there nothing to show. */
const Nothing = ({ filter, onShowEverything }: Omit<Props, 'log'>) => {
  if (!isFiltered(filter)) {
    return (
      <Empty title="Nothing has happened yet">
        The first request, model call or terminal appears here within a second.
      </Empty>
    )
  }
  return (
    <Empty
      title={isTimed(filter) ? 'No match in this time' : 'No match in the whole log'}
      action={
        <Button variant="default" onClick={onShowEverything}>
          Show everything
        </Button>
      }
    >
      New matches appear here by themselves.
    </Empty>
  )
}
