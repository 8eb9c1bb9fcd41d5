import type { ExpressionBuilder, ExpressionWrapper, SqlBool } from 'kysely'
import { z } from 'zod'
import { type AuditKind, auditKind, type Decision, decision } from '../../contract/audit.ts'
import { personId, prototypeId, sandboxId } from '../../contract/ids.ts'
import type { Database } from '../../store/tables.ts'

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
  /** Within one value of the event (but its id and time), or in the name of its person or prototype; upper and lower case alike. */
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

export type Events = Database & { e: Database['audit_events']; c: Database['audit_chain'] }
export type Condition = (eb: ExpressionBuilder<Events, 'e' | 'c'>) => ExpressionWrapper<Events, 'e' | 'c', SqlBool>

/** The conditions on `audit_events as e` that a filter stands for; its text is search.ts's. */
export const conditionOf =
  (filter: EventFilter): Condition =>
  (eb) => {
    const all = []
    if (filter.decision) all.push(eb('e.decision', '=', filter.decision))
    if (filter.kind) all.push(eb('e.kind', 'in', filter.kind))
    if (filter.since !== undefined) all.push(eb('e.at_ms', '>=', filter.since))
    if (filter.until !== undefined) all.push(eb('e.at_ms', '<', filter.until))
    if (filter.sandbox) all.push(eb('e.sandbox', '=', filter.sandbox))
    if (filter.person) all.push(eb('e.person', '=', filter.person))
    if (filter.prototype) all.push(eb('e.prototype', '=', filter.prototype))
    return eb.and(all)
  }
