import { PassThrough } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Appender } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import { type AuditLag, type AuditView, auditList, auditSubjects } from '../../contract/audit.ts'
import type { Store } from '../../store/connect.ts'
import type { LiveConnections } from '../http/live.ts'
import { type App, callerOf } from '../http/route.ts'
import type { AuditFeed } from './feed.ts'
import { type EventFilter, filterQuery } from './filter.ts'
import { followFiltered } from './follow.ts'
import type { LagWatch } from './lag.ts'
import { listEvents, newestPlace } from './read.ts'
import { listSubjects } from './subjects.ts'

const HEARTBEAT_MS = 15_000
/** Below this, a page says "Live" and no more. */
const SHOWN_LAG_MS = 2_000
/** Then the reader comes again by itself, and its right to read is looked at again. */
const LONGEST_MS = 3_600_000
/** A reader that is further behind than this is cut off; it comes again and asks for what it missed. */
const MAX_UNREAD_BYTES = 4 * 1_048_576

interface AuditDeps {
  db: Store
  append: Appender['append']
  feed: AuditFeed
  lag: Pick<LagWatch, 'subscribe'>
  live: LiveConnections
}

const place = z.coerce.number().int().nonnegative()
const pageSize = z.coerce.number().int().min(1).max(500)
const listQuery = z.strictObject({
  limit: pageSize.default(100),
  /** The `cursor` of the answer before, to go on to older events. */
  cursor: place.optional(),
  before: place.optional(),
  after: place.optional(),
  ...filterQuery,
})
/** `last`: begins with the newest events that match, in one message `begin`, unless it goes on from a place. */
const feedQuery = z.strictObject({ last: pageSize.optional(), after: place.optional(), ...filterQuery })

/** The log, for security. That somebody reads is itself recorded, before anything is shown. */
export function auditRoutes(app: App, { db, append, feed, lag, live }: AuditDeps): void {
  const config = { access: ['security'] } as const
  const tags = ['audit']

  app.get(
    '/api/v1/audit/events',
    { config, schema: { tags, querystring: listQuery, response: { 200: auditList } } },
    async (request) => {
      const { cursor, before, ...rest } = request.query
      const list = await listEvents(db, { ...rest, before: before ?? cursor })
      await append(reading(request, 'list', request.query, list.items.length))
      return list
    },
  )

  app.get('/api/v1/audit/subjects', { config, schema: { tags, response: { 200: auditSubjects } } }, () =>
    listSubjects(db),
  )

  /** Server-sent events (WHATWG HTML section 9.2): one message an event, its place as the id. */
  const feedOptions = { config, schema: { tags, querystring: feedQuery }, exposeHeadRoute: false }
  app.get('/api/v1/audit/feed', feedOptions, async (request, reply) => {
    const { last, after: asked, ...filter } = request.query
    const resumed = resumePoint(request) ?? asked ?? null
    const begun = resumed === null && last !== undefined ? await beginning(db, filter, last) : null
    const after = begun ? begun.place : resumed
    const understood = begun ? { last, ...filter } : { ...(resumed === null ? {} : { after: resumed }), ...filter }
    await append(reading(request, 'feed', understood, begun?.list.items.length ?? 0))
    const out = new PassThrough()
    out.write(': the live log\n\n')
    if (begun) out.write(`event: begin\nid: ${begun.place}\ndata: ${JSON.stringify(begun.list)}\n\n`)
    streamFeed(out, followFiltered({ db, feed }, { after, filter, onEvents: writerTo(out) }), (end) =>
      live.track(callerOf(request), end),
    )
    out.once('close', lag.subscribe(lagWriterTo(out)))
    return reply.header('content-type', 'text/event-stream').header('x-accel-buffering', 'no').send(out)
  })
}

/** The newest events that match, and the place from which the live log goes on: whatever comes between is in one of the two. */
async function beginning(db: Store, filter: EventFilter, limit: number) {
  const newest = await newestPlace(db)
  return { place: newest, list: await listEvents(db, { ...filter, before: newest + 1, limit }) }
}

function writerTo(out: PassThrough) {
  return (events: AuditView[], seq: number) => {
    if (out.writableEnded) return
    for (const event of events) out.write(messageOf(event))
    // A reader that comes again goes on from here, not from the last event that was for it.
    if (events.at(-1)?.seq !== seq) out.write(`event: place\nid: ${seq}\ndata: ${JSON.stringify({ seq })}\n\n`)
    if (out.writableLength > MAX_UNREAD_BYTES) out.destroy()
  }
}

/** Whole seconds, and none for what nobody would notice: a reader is told when what it would show changes. */
function lagWriterTo(out: PassThrough) {
  let shown = 0
  return ({ waiting, behindMs }: AuditLag) => {
    const seconds = behindMs < SHOWN_LAG_MS ? 0 : Math.floor(behindMs / 1000)
    if (seconds === shown || out.writableEnded) return
    shown = seconds
    out.write(`event: lag\ndata: ${JSON.stringify({ waiting, behindMs: seconds * 1000 })}\n\n`)
  }
}

type Subscription = ReturnType<typeof followFiltered>

/** Keeps the stream alive, and ends it with the reader's right, with the reader, or after an hour. */
function streamFeed(out: PassThrough, subscription: Subscription, track: (end: () => void) => () => void): void {
  const end = () => out.end()
  subscription.ready.catch(end)
  const untrack = track(end)
  const heartbeat = setInterval(() => out.write(':\n\n'), HEARTBEAT_MS)
  const longest = setTimeout(end, LONGEST_MS)
  out.once('close', () => {
    subscription.unsubscribe()
    untrack()
    clearInterval(heartbeat)
    clearTimeout(longest)
  })
}

const messageOf = (event: AuditView) => `id: ${event.seq}\ndata: ${JSON.stringify(event)}\n\n`

/** What a browser sends by itself when it connects again. */
function resumePoint(request: FastifyRequest): number | null {
  const read = place.safeParse(request.headers['last-event-id'])
  return read.success ? read.data : null
}

/** `asked` as it was understood: how the address was spelled could hide what was looked for. */
function reading(request: FastifyRequest, what: 'list' | 'feed', asked: object, rows: number) {
  const caller = callerOf(request)
  const written = Object.entries(asked).flatMap(([name, value]) => [value].flat().map((one) => [name, String(one)]))
  const query = `${what}?${new URLSearchParams(written)}`
  return auditEvent('audit.read', {
    actor: { type: 'person', id: caller.id },
    person: caller.id,
    decision: 'allow',
    reason: 'security-role',
    correlation: request.id,
    detail: { query, rows },
  })
}
