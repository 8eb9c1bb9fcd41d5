import { Button } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react'
import { useMemo, useState } from 'react'
import { Page } from '../../components/Page.tsx'
import { everything, type Filter, searchOf } from '../../modules/audit/filter.ts'
import { type Log, useLog } from '../../modules/audit/use-log.ts'
import { Decisions } from './Decisions.tsx'
import { Events } from './Events.tsx'
import { Filters } from './Filters.tsx'
import styles from './Now.module.css'
import { Running } from './Running.tsx'

/** While somebody types, the log is not asked for every letter: each question is a reading that is recorded. */
const TYPING_MS = 400

const statusOf = ({ paused, waiting, live, behindMs }: Log): string => {
  if (paused) return `Paused, ${waiting} new`
  if (!live) return 'Connecting…'
  return behindMs > 0 ? `${Math.floor(behindMs / 1000)} s behind` : 'Live'
}

export const Now = () => {
  const [filter, setFilter] = useState<Filter>(everything)
  const [asked] = useDebouncedValue(filter, TYPING_MS)
  const search = useMemo(() => searchOf(asked, Date.now()), [asked])
  const log = useLog(search)
  const { paused } = log
  return (
    <Page title="Now" wide intro="What goes in and out of every prototype, as it happens.">
      <div className={styles.columns}>
        <section className={styles.feed} aria-label="Live log">
          <div className={styles.head}>
            <p className={styles.live} data-live={log.live && !paused && log.behindMs === 0} role="status">
              {statusOf(log)}
            </p>
            <Decisions filter={filter} onChange={setFilter} />
            <Button
              variant="default"
              size="sm"
              leftSection={paused ? <IconPlayerPlay size={14} /> : <IconPlayerPause size={14} />}
              onClick={() => log.setPaused(!paused)}
            >
              {paused ? 'Resume' : 'Pause'}
            </Button>
          </div>
          {log.live && log.behindMs > 0 && (
            <p className={styles.quiet}>
              More happens than can be shown at once. Everything is recorded; what people do, stops and refusals come
              first.
            </p>
          )}
          <Filters filter={filter} onChange={setFilter} />
          <Events log={log} filter={asked} onShowEverything={() => setFilter(everything)} />
        </section>
        <Running />
      </div>
    </Page>
  )
}
