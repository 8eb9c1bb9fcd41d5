import type { z } from 'zod'
import { cleanText } from '../../audit/text.ts'
import { type AuditView, auditEnvelope, auditKind, type auditList } from '../../contract/audit.ts'
import type { Store } from '../../store/connect.ts'
import { searchEvents } from './search.ts'
import { type EventQuery, type EventRow, selectEvents } from './select.ts'

const MAX_NAME = 200
const MAX_UNREADABLE = 2_000

/**
 * Events that have their place, newest first, or oldest first with `after`. `cursor` is the last place of a full page: give
 * it back as `before` (or `after`) for the next one; null means that nothing is left for now.
 */
export async function listEvents(db: Store, asked: EventQuery): Promise<z.infer<typeof auditList>> {
  const { text } = asked
  const rows = text === undefined ? await selectEvents(db, asked) : await searchEvents(db, { ...asked, text })
  const items = await withNames(db, rows.map(readEvent))
  const last = items.at(-1)
  return { items, cursor: last && items.length === asked.limit ? String(last.seq) : null }
}

type Unnamed = Omit<AuditView, 'names'>

/**
 * A body that is no event of ours can only come from somebody who holds a writer's password. It is shown as such: an error
 * here would hide every other event of the page.
 */
function readEvent(row: EventRow): Unnamed {
  const event = auditEnvelope.safeParse(JSON.parse(row.body))
  if (event.success) return { ...event.data, seq: row.seq }
  const kind = auditKind.safeParse(row.kind)
  return {
    seq: row.seq,
    id: row.id,
    at: row.at_ms,
    kind: kind.success ? kind.data : 'request.refused',
    actor: { type: 'nobody', id: 'nobody' },
    person: null,
    prototype: null,
    sandbox: null,
    decision: 'deny',
    reason: 'unreadable-event',
    rule: null,
    policy: null,
    correlation: row.id,
    detail: { unreadable: cleanText(row.body, MAX_UNREADABLE) },
  }
}

/** The newest place; 0 while the log is empty. */
export async function newestPlace(db: Store): Promise<number> {
  const row = await db.selectFrom('audit_chain').select('seq').orderBy('seq', 'desc').limit(1).executeTakeFirst()
  return row?.seq ?? 0
}

async function withNames(db: Store, events: Unnamed[]): Promise<AuditView[]> {
  const [people, prototypes] = await Promise.all([
    namesOf(events.map(personOf), (ids) =>
      db.selectFrom('people').select(['id', 'name']).where('id', 'in', ids).execute(),
    ),
    namesOf(
      events.map((event) => event.prototype),
      (ids) => db.selectFrom('prototypes').select(['id', 'title as name']).where('id', 'in', ids).execute(),
    ),
  ])
  return events.map((event) => ({
    ...event,
    names: { person: people.get(personOf(event)) ?? null, prototype: prototypes.get(event.prototype) ?? null },
  }))
}

/** On whose behalf, or who did it themselves. */
const personOf = ({ person, actor }: Unnamed) => person ?? (actor.type === 'person' ? actor.id : null)

async function namesOf(
  ids: Array<string | null>,
  find: (ids: string[]) => Promise<Array<{ id: string; name: string }>>,
): Promise<Map<string | null, string>> {
  const wanted = [...new Set(ids.filter((id) => id !== null))]
  const found = wanted.length > 0 ? await find(wanted) : []
  return new Map(found.map(({ id, name }) => [id, cleanText(name, MAX_NAME)]))
}
