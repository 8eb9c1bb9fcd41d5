import { z } from 'zod'
import { type AuditView, auditList, auditView } from '../../../api/contract/audit.ts'
import type { killOrder } from '../../../api/contract/gateway.ts'
import { nothing, request } from './request.ts'

export const PAGE_SIZE = 200

/** The newest events, or those before a cursor; newest first. */
export const eventsPage = (query: { before?: string; signal?: AbortSignal }) => {
  const search = new URLSearchParams({ limit: String(PAGE_SIZE) })
  if (query.before) search.set('before', query.before)
  return request(`/audit/events?${search}`, auditList, query.signal ? { signal: query.signal } : {})
}

export const stop = (order: z.input<typeof killOrder>) => request('/kill', nothing, { method: 'POST', body: order })

const feedMessage = z.union([auditView.transform((event) => [event]), z.array(auditView)])

/**
 * Follows the log from behind `after` (a place in the log) for ever: after a lost connection it asks for what it missed.
 * `onState` is told whether the line is up. The returned function ends it.
 */
export const followFeed = (
  after: number,
  onEvents: (events: AuditView[]) => void,
  onState: (live: boolean) => void,
): (() => void) => {
  let last = after
  let source: EventSource | null = null
  let timer = 0
  let tries = 0
  const open = () => {
    source = new EventSource(`/api/v1/audit/feed?after=${last}`)
    source.onopen = () => {
      tries = 0
      onState(true)
    }
    source.onmessage = (message) => {
      const events = feedMessage.parse(JSON.parse(String(message.data))).filter((event) => event.seq > last)
      const newest = events.at(-1)
      if (!newest) return
      last = Math.max(last, ...events.map((event) => event.seq))
      onEvents(events)
    }
    source.onerror = () => {
      source?.close()
      onState(false)
      timer = window.setTimeout(open, Math.min(500 * 2 ** tries++, 5000))
    }
  }
  open()
  return () => {
    window.clearTimeout(timer)
    source?.close()
  }
}
