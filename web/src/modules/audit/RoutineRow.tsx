import { IconChevronRight } from '@tabler/icons-react'
import { useState } from 'react'
import type { AuditView } from '../../../../api/contract/audit.ts'
import styles from './EventRow.module.css'
import { EventRow } from './EventRow.tsx'

interface Props {
  events: readonly AuditView[]
  onOpen: (event: AuditView) => void
}

/** Routine behind one line, until somebody wants to see it. */
export const RoutineRow = ({ events, onOpen }: Props) => {
  const [opened, setOpened] = useState(false)
  return (
    <>
      <li className={styles.item}>
        <button type="button" className={styles.routine} aria-expanded={opened} onClick={() => setOpened(!opened)}>
          <IconChevronRight size={14} aria-hidden />
          {events.length === 1 ? '1 routine entry' : `${events.length} routine entries`}
        </button>
      </li>
      {opened && events.map((event) => <EventRow key={event.seq} event={event} onOpen={onOpen} />)}
    </>
  )
}
