import { Button } from '@mantine/core'
import { messageOf } from '../../client/request.ts'
import { Problem } from '../../components/feedback/Problem.tsx'
import { type Filter, isFiltered, isTimed } from '../../modules/audit/filter.ts'
import type { Log } from '../../modules/audit/use-log.ts'
import styles from './Now.module.css'

/** The way back in the log, and whether there is more. */
export const Older = ({ log, filter }: { log: Log; filter: Filter }) => {
  const filtered = isFiltered(filter)
  const isAll = log.cursor === null && filtered && log.shown.length > 0
  return (
    <>
      <Problem>{log.error ? messageOf(log.error) : null}</Problem>
      {isAll && (
        <p className={styles.quiet}>
          {isTimed(filter) ? 'These are all matches in this time.' : 'These are all matches in the whole log.'}
        </p>
      )}
      {log.isCut && (
        <p className={styles.quiet}>
          This page shows at most {log.events.length.toLocaleString('en')} entries. Narrow the search to see older ones.
        </p>
      )}
      {log.showOlder && (
        <Button variant="default" loading={log.lookingBack} onClick={log.showOlder}>
          {filtered ? 'Show older matches' : 'Show older'}
        </Button>
      )}
    </>
  )
}
