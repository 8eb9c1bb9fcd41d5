import { notifyManager, useQueryClient } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'
import { isOffline } from '../../client/request.ts'
import styles from './Unreachable.module.css'

/** Says that what is on the screen may be old, while answers do not come. */
export const Unreachable = () => {
  const cache = useQueryClient().getQueryCache()
  const lost = useSyncExternalStore(
    (onChange) => cache.subscribe(notifyManager.batchCalls(onChange)),
    () =>
      cache
        .getAll()
        .some(({ state }) => state.data !== undefined && isOffline(state.error ?? state.fetchFailureReason)),
  )
  return (
    <div role="status">
      {lost && <p className={styles.strip}>Backlot cannot be reached. What you see may be outdated. Retrying…</p>}
    </div>
  )
}
