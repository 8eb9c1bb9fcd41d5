import { Button } from '@mantine/core'
import { messageOf } from '../../client/request.ts'
import { Problem } from '../../components/feedback/Problem.tsx'
import { type Filter, isFiltered, matches } from '../../modules/audit/filter.ts'
import type { Feed } from '../../modules/audit/use-feed.ts'
import styles from './Now.module.css'

const moment = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' })

/** The way back in the log, and how far back the page has looked. */
export const Older = ({ feed, filter }: { feed: Feed; filter: Filter }) => {
  const oldest = feed.events.at(-1)
  return (
    <>
      <Problem>{feed.error ? messageOf(feed.error) : null}</Problem>
      {oldest && (isFiltered(filter) || feed.full) && (
        <p className={styles.quiet}>
          {feed.older || feed.full ? `Looked back to ${moment.format(oldest.at)}.` : 'Looked through the whole log.'}
          {feed.full && ' This page holds no more; older events are in the log, at /api/v1/audit/events.'}
        </p>
      )}
      {feed.older && (
        <Button
          variant="default"
          loading={feed.lookingBack}
          onClick={() => feed.older?.((event) => matches(event, filter))}
        >
          {isFiltered(filter) ? 'Look further back' : 'Show older'}
        </Button>
      )}
    </>
  )
}
