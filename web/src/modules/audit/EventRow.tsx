import { memo } from 'react'
import type { AuditView } from '../../../../api/contract/audit.ts'
import { Tag } from '../../components/Tag.tsx'
import styles from './EventRow.module.css'
import { isProof, sentence, verdictOf } from './words.ts'

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })

const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full' })

const whoOf = (event: AuditView): string => {
  if (event.actor.type === 'system') return `Backlot ${event.actor.id}`
  if (event.actor.type === 'nobody') return 'Not signed in'
  return event.names.person ?? 'Unknown'
}

/** One event on one line: when, decision, who and where, what, why. */
export const EventRow = memo(({ event, onOpen }: { event: AuditView; onOpen: (event: AuditView) => void }) => {
  const { mark, why } = verdictOf(event)
  return (
    <li className={styles.item} data-decision={event.decision} data-proof={isProof(event)} data-kind={event.kind}>
      <button type="button" className={styles.row} onClick={() => onOpen(event)}>
        <time className={styles.when} dateTime={new Date(event.at).toISOString()} title={day.format(event.at)}>
          {clock.format(event.at)}
        </time>
        <span className={styles.decision}>{mark && <Tag tone={mark.tone}>{mark.title}</Tag>}</span>
        <span className={styles.who}>
          {whoOf(event)}
          {event.names.prototype && <small>{event.names.prototype}</small>}
        </span>
        <span className={styles.what}>
          <code>{sentence(event)}</code>
        </span>
        <span className={styles.why}>
          {why}
          {event.rule && <small>{event.rule}</small>}
        </span>
      </button>
    </li>
  )
})
EventRow.displayName = 'EventRow'
