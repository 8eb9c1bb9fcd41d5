import type { z } from 'zod'
import type { AuditView, auditList } from '../../../../api/contract/audit.ts'

type EventPage = z.output<typeof auditList>

/** The page keeps this many; the log keeps them all. */
export const KEPT = 2000

export interface LogState {
  /** What was asked for; an answer to an earlier search is not shown. */
  search: string
  /** Newest first. */
  events: readonly AuditView[]
  /** Where older matches begin; null: the page has every match there is. */
  cursor: string | null
  begun: boolean
  live: boolean
  /** By how much what happens is ahead of what can be shown; 0: nobody would notice. */
  behindMs: number
  lookingBack: boolean
  error: unknown
  /** The newest place when it was paused; null while it is not. */
  pausedAt: number | null
}

export type LogAction =
  | { type: 'asked'; search: string }
  | { type: 'begun'; page: EventPage }
  | { type: 'came'; events: readonly AuditView[] }
  | { type: 'live'; live: boolean }
  | { type: 'lag'; behindMs: number }
  | { type: 'looking-back' }
  | { type: 'older'; search: string; page: EventPage }
  | { type: 'failed'; error: unknown }
  | { type: 'paused'; paused: boolean }

export const atFirst: LogState = {
  search: '',
  events: [],
  cursor: null,
  begun: false,
  live: false,
  behindMs: 0,
  lookingBack: false,
  error: null,
  pausedAt: null,
}

export const nextLog = (state: LogState, action: LogAction): LogState => {
  switch (action.type) {
    case 'asked':
      // A new search shows what it finds, paused or not; what comes after it waits again.
      return { ...atFirst, search: action.search, pausedAt: state.pausedAt === null ? null : 0 }
    case 'begun': {
      const { items, cursor } = action.page
      const newest = items[0]?.seq ?? 0
      return {
        ...state,
        events: items,
        cursor,
        begun: true,
        error: null,
        pausedAt: state.pausedAt === null ? null : newest,
      }
    }
    case 'came':
      return { ...state, events: kept([...action.events.toSorted((a, b) => b.seq - a.seq), ...state.events]) }
    case 'live':
      // A new connection is told again when it is behind.
      return { ...state, live: action.live, behindMs: 0 }
    case 'lag':
      return { ...state, behindMs: action.behindMs }
    case 'looking-back':
      return { ...state, lookingBack: true, error: null }
    case 'older': {
      if (action.search !== state.search) return state
      const { items, cursor } = action.page
      return { ...state, events: kept([...state.events, ...items]), cursor, lookingBack: false }
    }
    case 'failed':
      return { ...state, error: action.error, lookingBack: false }
    case 'paused':
      return { ...state, pausedAt: action.paused ? (state.events[0]?.seq ?? 0) : null }
  }
}

const kept = (events: AuditView[]): readonly AuditView[] => events.slice(0, KEPT)

/** What is on the page: while paused, what came since waits. */
export const shownOf = ({ events, pausedAt }: LogState): readonly AuditView[] =>
  pausedAt === null ? events : events.filter((event) => event.seq <= pausedAt)
