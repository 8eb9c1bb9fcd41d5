import type { ExpressionBuilder, ExpressionWrapper, SqlBool } from 'kysely'
import { z } from 'zod'
import { type AuditKind, auditKind, type Decision, decision } from '../../contract/audit.ts'
import { personId, prototypeId, sandboxId } from '../../contract/ids.ts'
import type { Store } from '../../store/connect.ts'
import type { Database } from '../../store/tables.ts'

/** Names that are looked up for one text. More people or prototypes than this with one text in their names are not all found by it. */
const MAX_NAMED = 500

/** Which events are asked for; every part that is given must hold. */
export interface EventFilter {
  decision?: Decision | undefined
  /** One of these. */
  kind?: readonly AuditKind[] | undefined
  /** Written at this moment or later, ms since the epoch. */
  since?: number | undefined
  /** Written before this moment, ms since the epoch. */
  until?: number | undefined
  sandbox?: string | undefined
  person?: string | undefined
  prototype?: string | undefined
  /** Anywhere in the event, or in the name of its person or prototype; upper and lower case alike. */
  text?: string | undefined
}

/** A moment as ms since the epoch, or as ISO 8601 with its zone. */
const moment = z.union([
  z
    .string()
    .regex(/^\d{1,15}$/, 'Use milliseconds since 1970, or a moment such as 2026-11-21T09:00:00Z.')
    .transform(Number),
  z.iso.datetime({ offset: true }).transform((written) => Date.parse(written)),
])

/** The filter in an address. `kind` may be given several times. `text` is the last field: the record of a reading ends with it. */
export const filterQuery = {
  decision: decision.optional(),
  kind: z.union([auditKind.transform((kind) => [kind]), z.array(auditKind).max(auditKind.options.length)]).optional(),
  since: moment.optional(),
  until: moment.optional(),
  sandbox: sandboxId.optional(),
  person: personId.optional(),
  prototype: prototypeId.optional(),
  text: z.string().min(1).max(200).optional(),
}

type Events = Database & { e: Database['audit_events']; c: Database['audit_chain'] }
type Condition = (eb: ExpressionBuilder<Events, 'e' | 'c'>) => ExpressionWrapper<Events, 'e' | 'c', SqlBool>

/** The conditions on `audit_events as e` that a filter stands for. */
export async function conditionOf(db: Store, filter: EventFilter): Promise<Condition> {
  const named = filter.text ? await namedLike(db, filter.text) : null
  return (eb) => {
    const all = []
    if (filter.decision) all.push(eb('e.decision', '=', filter.decision))
    if (filter.kind) all.push(eb('e.kind', 'in', filter.kind))
    if (filter.since !== undefined) all.push(eb('e.at_ms', '>=', filter.since))
    if (filter.until !== undefined) all.push(eb('e.at_ms', '<', filter.until))
    if (filter.sandbox) all.push(eb('e.sandbox', '=', filter.sandbox))
    if (filter.person) all.push(eb('e.person', '=', filter.person))
    if (filter.prototype) all.push(eb('e.prototype', '=', filter.prototype))
    if (filter.text) {
      // As it stands in the body: quotes and backslashes are escaped there.
      const either = [eb('e.body', 'ilike', contains(JSON.stringify(filter.text).slice(1, -1)))]
      if (named && named.people.length > 0) either.push(eb('e.person', 'in', named.people))
      if (named && named.prototypes.length > 0) either.push(eb('e.prototype', 'in', named.prototypes))
      all.push(eb.or(either))
    }
    return eb.and(all)
  }
}

/** A pattern for ILIKE that takes `text` letter by letter. */
const contains = (text: string) => `%${text.replace(/[\\%_]/g, '\\$&')}%`

async function namedLike(db: Store, text: string) {
  const pattern = contains(text)
  const [people, prototypes] = await Promise.all([
    db.selectFrom('people').select('id').where('name', 'ilike', pattern).limit(MAX_NAMED).execute(),
    db.selectFrom('prototypes').select('id').where('title', 'ilike', pattern).limit(MAX_NAMED).execute(),
  ])
  return { people: people.map(({ id }) => id), prototypes: prototypes.map(({ id }) => id) }
}
