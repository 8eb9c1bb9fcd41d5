/** Makes audit events: what is written down of each kind, and in what form. */
import { randomUUIDv7 } from 'node:crypto'
import type { z } from 'zod'
import { type Actor, type AuditKind, type Decision, type DetailOf, detailOf } from '../contract/audit.ts'
import type { PersonId, PrototypeId, SandboxId } from '../contract/ids.ts'
import { type Reason, reason } from '../contract/reasons.ts'
import { maskQuery } from './query.ts'
import { cleanText, maskArguments, maskSecrets } from './text.ts'
import { type Treatment, treatmentOf } from './treatment.ts'

const MAX_TEXT = 4096
const MAX_QUERY = 1024
/** A secret that the cut would halve must be seen whole to be masked. */
const MASK_MARGIN = 1024
const MAX_ITEMS = 64
const MAX_RULE = 200
const MAX_CORRELATION = 100

export interface EventFields<K extends AuditKind> {
  actor: Actor
  decision: Decision
  reason: Reason
  detail: DetailOf<K>
  /** Default: the actor, when it is a person. */
  person?: PersonId | null
  prototype?: PrototypeId | null
  sandbox?: SandboxId | null
  rule?: string | null
  policy?: { name: string; version: number } | null
  /** Default: the event's own id, which its end then names. */
  correlation?: string
}

/** One event of kind K; assignable to contract's AuditEvent. */
export interface EventOf<K extends AuditKind> extends Required<Omit<EventFields<K>, 'detail'>> {
  id: string
  at: number
  kind: K
  detail: DetailOf<K>
}

/**
 * Fills in what the caller left out, and makes every string of the detail fit to be read: capped at 4096 characters,
 * control and direction characters escaped, secrets masked where treatment.ts says so. Throws a ZodError when the detail
 * is not what its kind may carry: the caller then has nothing to record and must not act.
 */
export function auditEvent<K extends AuditKind>(kind: K, fields: EventFields<K>): EventOf<K> {
  const id = randomUUIDv7()
  return {
    id,
    at: Date.now(),
    kind,
    actor: fields.actor,
    person: fields.person === undefined && fields.actor.type === 'person' ? fields.actor.id : (fields.person ?? null),
    prototype: fields.prototype ?? null,
    sandbox: fields.sandbox ?? null,
    decision: fields.decision,
    reason: reason.parse(fields.reason),
    rule: fields.rule == null ? null : cleanText(fields.rule, MAX_RULE),
    policy: fields.policy ?? null,
    correlation: fields.correlation === undefined ? id : cleanText(fields.correlation, MAX_CORRELATION),
    detail: schemas[kind].parse(treated(fields.detail, treatmentOf[kind])),
  }
}

/** Typed by kind, so that what a generic kind parses to is known. */
const schemas: { readonly [K in AuditKind]: z.ZodType<DetailOf<K>> } = detailOf

function treated(detail: object, treatments: Readonly<Record<string, Treatment>>) {
  return Object.fromEntries(Object.entries(detail).map(([name, value]) => [name, treat(value, treatments[name])]))
}

/** Ten megabytes must not be looked through to keep four kilobytes. */
const maskable = (text: string) => text.slice(0, MAX_TEXT + MASK_MARGIN)

/** An unknown field is cleaned like any other, and then refused by the schema. */
function treat(value: unknown, treatment: Treatment | undefined): unknown {
  if (typeof value === 'string') {
    if (treatment === 'drop') return '[dropped]'
    if (treatment === 'query') return cleanText(maskQuery(value), MAX_QUERY, value.length)
    const shown = treatment === 'mask' ? maskSecrets(maskable(value)) : value
    return cleanText(shown, MAX_TEXT, value.length)
  }
  if (Array.isArray(value)) {
    const first: unknown[] = value.slice(0, MAX_ITEMS)
    const kept =
      treatment === 'mask' && first.every((item) => typeof item === 'string')
        ? maskArguments(first.map(maskable)).map((item, index) => cleanText(item, MAX_TEXT, first[index]?.length))
        : first.map((item) => treat(item, treatment))
    return typeof value[0] === 'string' && value.length > MAX_ITEMS
      ? [...kept.slice(0, -1), `…[${value.length} items]`]
      : kept
  }
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, treat(item, treatment)]))
  }
  return value
}
