import { PassThrough } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Appender } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import { type AuditView, auditKind, auditList, decision } from '../../contract/audit.ts'
import { personId, sandboxId } from '../../contract/ids.ts'
import type { Store } from '../../store/connect.ts'
import type { LiveConnections } from '../http/live.ts'
import { type App, callerOf } from '../http/route.ts'
import type { AuditFeed } from './feed.ts'
import { listEvents } from './read.ts'

const HEARTBEAT_MS = 15_000
/** Then the reader comes again by itself, and its right to read is looked at again. */
const LONGEST_MS = 3_600_000
/** A reader that is further behind than this is cut off; it comes again and asks for what it missed. */
const MAX_UNREAD_BYTES = 4 * 1_048_576

interface AuditDeps {
  db: Store
  append: Appender['append']
  feed: AuditFeed
  live: LiveConnections
}

const place = z.coerce.number().int().nonnegative()
const filter = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(100),
  /** The `cursor` of the answer before, to go on to older events. */
  cursor: place.optional(),
  before: place.optional(),
  after: place.optional(),
  decision: decision.optional(),
  kind: auditKind.optional(),
  sandbox: sandboxId.optional(),
  person: personId.optional(),
  text: z.string().min(1).max(200).optional(),
})
const from = z.strictObject({ after: place.optional() })

/** The log, for security. That somebody reads is itself recorded, before anything is shown. */
export function auditRoutes(app: App, { db, append, feed, live }: AuditDeps): void {
  const config = { access: ['security'] } as const
  const tags = ['audit']

  app.get(
    '/api/v1/audit/events',
    { config, schema: { tags, querystring: filter, response: { 200: auditList } } },
    async (request) => {
      const { cursor, before, ...rest } = request.query
      const list = await listEvents(db, { ...rest, before: before ?? cursor })
      await append(reading(request, 'list', request.query, list.items.length))
      return list
    },
  )

  /** Server-sent events (WHATWG HTML section 9.2): one message an event, its place as the id. */
  const feedOptions = { config, schema: { tags, querystring: from }, exposeHeadRoute: false }
  app.get('/api/v1/audit/feed', feedOptions, async (request, reply) => {
    const after = resumePoint(request) ?? request.query.after ?? null
    await append(reading(request, 'feed', after === null ? {} : { after }, 0))
    const out = new PassThrough()
    const subscription = feed.subscribe(after, (events) => {
      for (const event of events) out.write(messageOf(event))
      if (out.writableLength > MAX_UNREAD_BYTES) out.destroy()
    })
    subscription.ready.catch(() => out.end())
    const untrack = live.track(callerOf(request), () => out.end())
    const heartbeat = setInterval(() => out.write(':\n\n'), HEARTBEAT_MS)
    const longest = setTimeout(() => out.end(), LONGEST_MS)
    out.once('close', () => {
      subscription.unsubscribe()
      untrack()
      clearInterval(heartbeat)
      clearTimeout(longest)
    })
    out.write(': the live log\n\n')
    return reply.header('content-type', 'text/event-stream').header('x-accel-buffering', 'no').send(out)
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
  const query = `${what}?${new URLSearchParams(Object.entries(asked).map(([name, value]) => [name, String(value)]))}`
  return auditEvent('audit.read', {
    actor: { type: 'person', id: caller.id },
    person: caller.id,
    decision: 'allow',
    reason: 'security-role',
    correlation: request.id,
    detail: { query, rows },
  })
}
