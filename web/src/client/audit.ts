import { queryOptions } from '@tanstack/react-query'
import type { z } from 'zod'
import {
  type AuditLag,
  type AuditView,
  auditLag,
  auditList,
  auditPlace,
  auditSubjects,
  auditView,
} from '../../../api/contract/audit.ts'
import { messagesOf, type StreamMessage } from './event-stream.ts'
import { openStream, RequestFailed, request } from './request.ts'

const PAGE_SIZE = 200
export type EventPage = z.output<typeof auditList>

/** Events before a cursor that match, newest first. `search`: the filter as it stands in an address. */
export const olderEvents = (search: string, cursor: string) =>
  request(`/audit/events?${withParts(search, { limit: PAGE_SIZE, before: cursor })}`, auditList)

/** Whom and what the log can be asked about. */
export const subjectsQuery = queryOptions({
  queryKey: ['audit', 'subjects'],
  queryFn: ({ signal }) => request('/audit/subjects', auditSubjects, { signal }),
  refetchInterval: 30_000,
})

const withParts = (search: string, parts: Record<string, string | number>): URLSearchParams => {
  const all = new URLSearchParams(search)
  for (const [name, value] of Object.entries(parts)) all.set(name, String(value))
  return all
}

interface Follower {
  /** The newest events that match, newest first; comes once, before anything else. */
  onBegin: (page: EventPage) => void
  /** What followed, oldest first. */
  onEvents: (events: AuditView[]) => void
  /** Whether events arrive by themselves at the moment. */
  onLive: (live: boolean) => void
  /** How far what can be shown is behind what happens; comes when it changes. */
  onLag: (lag: AuditLag) => void
  /** Could not begin; it is tried again by itself, unless the answer was a refusal. */
  onFailure: (error: unknown) => void
}

const final: readonly string[] = ['invalid_request', 'unauthenticated', 'not_found']
const isFinal = (error: unknown) => error instanceof RequestFailed && final.includes(error.code)

/**
 * The newest events that match and every one that follows, with one reading of the log. After a lost connection it asks for
 * what it missed. The returned function ends it.
 */
export const followLog = (search: string, follower: Follower): (() => void) => {
  const ending = new AbortController()
  const { signal } = ending
  let place: number | null = null
  let tries = 0
  let timer = 0

  const take = (messages: StreamMessage[]) => {
    const events: AuditView[] = []
    for (const { event, id, data } of messages) {
      if (event === 'begin') {
        place = Number(id)
        follower.onBegin(auditList.parse(JSON.parse(data)))
      } else if (event === 'lag') {
        follower.onLag(auditLag.parse(JSON.parse(data)))
      } else {
        const read = event === 'message' ? auditView.parse(JSON.parse(data)) : null
        const { seq } = read ?? auditPlace.parse(JSON.parse(data))
        if (read && seq > (place ?? 0)) events.push(read)
        place = Math.max(seq, place ?? 0)
      }
    }
    if (events.length > 0) follower.onEvents(events)
  }
  const read = async () => {
    const from = place === null ? { last: PAGE_SIZE } : { after: place }
    const response = await openStream(`/audit/feed?${withParts(search, from)}`, signal)
    tries = 0
    follower.onLive(true)
    for await (const messages of messagesOf(response)) take(messages)
  }
  const open = async () => {
    const failure = await read().then(
      () => null,
      (error: unknown) => error,
    )
    if (signal.aborted) return
    follower.onLive(false)
    if (failure !== null && (place === null || isFinal(failure))) follower.onFailure(failure)
    if (isFinal(failure)) return
    timer = window.setTimeout(() => void open(), Math.min(500 * 2 ** tries++, 5000))
  }
  void open()
  return () => {
    window.clearTimeout(timer)
    ending.abort()
  }
}
