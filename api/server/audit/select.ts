import type { Store } from '../../store/connect.ts'
import { type Condition, conditionOf, type EventFilter } from './filter.ts'

export interface EventQuery extends EventFilter {
  /** Only places above this one, oldest first: for readers that follow. */
  after?: number | undefined
  /** Only places below this one. */
  before?: number | undefined
  limit: number
}

export interface EventRow {
  seq: number
  id: string
  kind: string
  at_ms: number
  body: string
}

/** Events that have their place and match all but the text, in the order that is asked for. `condition`: what else must hold. */
export async function selectEvents(db: Store, asked: EventQuery, condition?: Condition): Promise<EventRow[]> {
  let query = db
    .selectFrom('audit_chain as c')
    .innerJoin('audit_events as e', 'e.id', 'c.event_id')
    .select(['c.seq', 'e.id', 'e.kind', 'e.at_ms', 'e.body'])
    .where(conditionOf(asked))
    .orderBy('c.seq', asked.after === undefined ? 'desc' : 'asc')
    .limit(asked.limit)
  if (asked.after !== undefined) query = query.where('c.seq', '>', asked.after)
  if (asked.before !== undefined) query = query.where('c.seq', '<', asked.before)
  if (condition) query = query.where(condition)
  return query.execute()
}
