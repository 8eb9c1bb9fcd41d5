import { useEffect, useMemo, useReducer, useState } from 'react'
import { followLog, olderEvents } from '../../client/audit.ts'
import { atFirst, KEPT, nextLog, shownOf } from './log-state.ts'

/** The newest events that match `search`, every one that follows, and the way back. A new search is a new reading of the log. */
export const useLog = (search: string) => {
  const [state, tell] = useReducer(nextLog, atFirst)
  const [attempt, setAttempt] = useState(0)

  // biome-ignore lint/correctness/useExhaustiveDependencies: `attempt` starts it again
  useEffect(() => {
    tell({ type: 'asked', search })
    return followLog(search, {
      onBegin: (page) => tell({ type: 'begun', page }),
      onEvents: (events) => tell({ type: 'came', events }),
      onLive: (live) => tell({ type: 'live', live }),
      onLag: ({ behindMs }) => tell({ type: 'lag', behindMs }),
      onFailure: (error) => tell({ type: 'failed', error }),
    })
  }, [search, attempt])

  const shown = useMemo(() => shownOf(state), [state])
  const full = state.events.length >= KEPT
  const { cursor } = state
  const showOlder = async (from: string) => {
    tell({ type: 'looking-back' })
    try {
      tell({ type: 'older', search, page: await olderEvents(search, from) })
    } catch (error) {
      tell({ type: 'failed', error })
    }
  }
  return {
    ...state,
    shown,
    /** Came while paused. */
    waiting: state.events.length - shown.length,
    paused: state.pausedAt !== null,
    setPaused: (paused: boolean) => tell({ type: 'paused', paused }),
    retry: () => setAttempt(attempt + 1),
    /** Null: every match is on the page, or the page is full. */
    showOlder: cursor === null || full ? null : () => void showOlder(cursor),
    /** As many as a page keeps are on it, and there are older matches in the log. */
    isCut: cursor !== null && full,
  }
}
export type Log = ReturnType<typeof useLog>
