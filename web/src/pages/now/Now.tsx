import { Button } from '@mantine/core'
import { IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react'
import { useState } from 'react'
import type { AuditView } from '../../../../api/contract/audit.ts'
import { Bones, Empty, Failure } from '../../components/feedback/Waiting.tsx'
import { Page } from '../../components/Page.tsx'
import { EventDrawer } from '../../modules/audit/EventDrawer.tsx'
import { EventRow } from '../../modules/audit/EventRow.tsx'
import { everything, isFiltered, matches } from '../../modules/audit/filter.ts'
import { useFeed } from '../../modules/audit/use-feed.ts'
import { Decisions } from './Decisions.tsx'
import { Filters } from './Filters.tsx'
import styles from './Now.module.css'
import { Older } from './Older.tsx'
import { Running } from './Running.tsx'

export const Now = () => {
  const [paused, setPaused] = useState(false)
  const [filter, setFilter] = useState(everything)
  const [opened, setOpened] = useState<AuditView | null>(null)
  const feed = useFeed(paused)
  const shown = feed.events.filter((event) => matches(event, filter))
  return (
    <Page title="Now" wide intro="What goes in and out of every prototype, as it is decided.">
      <div className={styles.columns}>
        <section className={styles.feed} aria-label="Live feed">
          <div className={styles.head}>
            <p className={styles.live} data-live={feed.live && !paused} role="status">
              {paused ? `Paused, ${feed.waiting} new` : feed.live ? 'Live' : 'Connecting…'}
            </p>
            <Decisions filter={filter} onChange={setFilter} />
            <Button
              variant="default"
              size="sm"
              leftSection={paused ? <IconPlayerPlay size={14} /> : <IconPlayerPause size={14} />}
              onClick={() => setPaused(!paused)}
            >
              {paused ? 'Go on' : 'Pause'}
            </Button>
          </div>
          <Filters filter={filter} events={feed.events} onChange={setFilter} />
          {feed.status === 'loading' && <Bones rows={8} />}
          {feed.status === 'failed' && <Failure error={feed.error} onRetry={feed.retry} />}
          {feed.status === 'ready' && shown.length === 0 && (
            <Empty
              title={isFiltered(filter) ? 'Nothing like that yet' : 'Nothing has happened yet'}
              action={
                isFiltered(filter) && (
                  <Button variant="default" onClick={() => setFilter(everything)}>
                    Show everything
                  </Button>
                )
              }
            >
              {isFiltered(filter)
                ? 'No event that is loaded matches. New ones appear here by themselves.'
                : 'The first request, model call or terminal appears here within a second.'}
            </Empty>
          )}
          {shown.length > 0 && (
            <ol className={styles.list}>
              {shown.map((event) => (
                <EventRow key={event.seq} event={event} onOpen={setOpened} />
              ))}
            </ol>
          )}
          {feed.status === 'ready' && <Older feed={feed} filter={filter} />}
        </section>
        <Running />
      </div>
      <EventDrawer event={opened} onClose={() => setOpened(null)} />
    </Page>
  )
}
