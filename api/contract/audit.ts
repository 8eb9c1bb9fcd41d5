/**
 * One audit event: an action that is about to happen, was refused, or ended. Field names are constants; what each kind
 * may carry is `detail`, one strict schema a kind. What is kept, masked or dropped is decided in audit/event.ts.
 */
import { z } from 'zod'
import { personId, prototypeId, sandboxId } from './ids.ts'
import { policyRef } from './in-force.ts'
import { reason } from './reasons.ts'

const bytes = z.int().nonnegative()
const text = z.string().max(4096)

/** This event stands for so many that were alike; the moments of the first and the last, ms since the epoch. Absent: for one. */
export const folded = z.strictObject({ times: z.int().positive(), firstAt: z.int(), lastAt: z.int() })
export type Folded = z.infer<typeof folded>

const egress = {
  method: text,
  host: text,
  port: z.int().nullable(),
  path: text.nullable(),
  /** Of plain http, what stands behind the `?`; absent: nothing does. */
  query: text.optional(),
  /** `proof`: tried by Backlot itself before anybody could work in the sandbox. Events of earlier versions have none. */
  phase: z.enum(['proof', 'work']).default('work'),
}

/** Every kind and its detail. A kind that ends in a past participle is written before its effect unless it says otherwise. */
export const detailOf = {
  /** The decision on one request or tunnel; durable before the first byte leaves. `raw` holds escaped input that would not parse. */
  'egress.request': z.strictObject({
    ...egress,
    address: text.nullable(),
    raw: text.nullable(),
    folded: folded.optional(),
  }),
  /** How an allowed request ended. */
  'egress.ended': z.strictObject({
    ...egress,
    /** The one that was dialled; null when none was. */
    address: text.nullable().default(null),
    status: z.int().nullable(),
    bytesOut: bytes,
    bytesIn: bytes,
    durationMs: z.int(),
    outcome: z.enum(['completed', 'client-closed', 'upstream-closed', 'policy-change', 'killed', 'limit', 'error']),
  }),
  /** The decision on one model call, before it leaves. */
  'model.request': z.strictObject({
    path: text,
    alias: text.nullable(),
    provider: text.nullable(),
    model: text.nullable(),
    folded: folded.optional(),
  }),
  /** How an allowed model call ended; exactly one for each. Tokens are the provider's own count, null where it gave none. */
  'model.call': z.strictObject({
    path: text,
    alias: text,
    provider: text,
    model: text,
    status: z.int().nullable(),
    inputTokens: z.int().nullable(),
    outputTokens: z.int().nullable(),
    latencyMs: z.int(),
    firstByteMs: z.int().nullable(),
    outcome: z.enum(['completed', 'client-closed', 'upstream-error', 'provider-address-public', 'killed']),
  }),
  /** `stdin`: how what it is given to read begins. Events of earlier versions have none. */
  'exec.started': z.strictObject({ argv: z.array(text).max(64), cwd: text, stdin: text.nullable().default(null) }),
  'exec.ended': z.strictObject({ exitCode: z.int().nullable(), durationMs: z.int(), truncated: z.boolean() }),
  'terminal.opened': z.strictObject({ terminal: text }),
  'terminal.attached': z.strictObject({ terminal: text, offset: z.int() }),
  'terminal.closed': z.strictObject({ terminal: text, exitCode: z.int().nullable(), why: text }),
  /** Which run of the porter, and so which start of the container, holds the sandbox's terminals and makes its proofs. */
  'porter.connected': z.strictObject({ instance: text, folded: folded.optional() }),
  'porter.replaced': z.strictObject({ instance: text, before: text, folded: folded.optional() }),
  'porter.lost': z.strictObject({ instance: text, folded: folded.optional() }),
  /** Another connection than the porter's own was refused. */
  'porter.refused': z.strictObject({ folded: folded.optional() }),
  /** Connections that were refused unread because the disk is low; counted, one event a minute. */
  'sandbox.refused': z.strictObject({ socket: z.enum(['egress', 'model']), times: z.int().positive() }),
  /** The disk has only its reserve left, or the other way round; `free` after what is promised to workspaces. */
  'disk.low': z.strictObject({ freeBytes: z.int(), reserveBytes: bytes, words: text }),
  'disk.recovered': z.strictObject({ freeBytes: z.int(), reserveBytes: bytes }),
  /** Recordings whose time is over, before they are removed. `sha256`: over names and contents, in order of the names. */
  'recording.removed': z.strictObject({ files: z.int(), bytes, sha256: text, keptDays: z.int() }),
  'prototype.created': z.strictObject({ title: text, label: text }),
  'prototype.removed': z.strictObject({ title: text }),
  'sandbox.state': z.strictObject({ from: text.nullable(), to: text, detail: text.nullable() }),
  'sandbox.proven': z.strictObject({
    ok: z.boolean(),
    probes: z.array(z.strictObject({ probe: text, expected: text, got: text })),
  }),
  'person.invited': z.strictObject({ person: personId, email: text, roles: z.array(text) }),
  'person.changed': z.strictObject({
    person: personId,
    fields: z.array(text),
    roles: z.array(text),
    disabled: z.boolean(),
  }),
  'session.created': z.strictObject({ by: z.enum(['password', 'link']), address: text }),
  /** `times`: how often within a minute, for a sender and account that have to wait. Events of earlier versions have none. */
  'session.refused': z.strictObject({
    email: text.nullable(),
    address: text,
    times: z.int().positive().default(1),
  }),
  'session.ended': z.strictObject({}),
  'token.created': z.strictObject({ token: text, name: text, expiresAt: text }),
  'token.revoked': z.strictObject({ token: text }),
  /** `times`: how often within a minute, for one person and one thing. Events of earlier versions have none. */
  'request.refused': z.strictObject({ method: text, route: text, times: z.int().positive().default(1) }),
  'policy.published': z.strictObject({
    name: text,
    version: z.int(),
    hash: text,
    origin: z.enum(['file', 'api']),
    /** Dangers that it accepts (policy/unsafe.ts). Events of earlier versions have none. */
    unsafe: z.array(text).default([]),
  }),
  /** `place`, `unsafe`: where it runs, and dangers that are accepted. Events of earlier versions have none. */
  'provider.saved': z.strictObject({
    provider: text,
    kind: text,
    baseUrl: text,
    keyChanged: z.boolean(),
    place: text.nullable().default(null),
    unsafe: z.array(text).default([]),
  }),
  /** An admin has a provider asked for its models, with its key; durable before the request leaves. */
  'provider.tested': z.strictObject({ provider: text, baseUrl: text }),
  /** What came of it, in our words: written before the admin is told. */
  'provider.answered': z.strictObject({ provider: text, baseUrl: text, outcome: text }),
  'provider.removed': z.strictObject({ provider: text }),
  'model.assigned': z.strictObject({ slot: text, provider: text.nullable(), model: text.nullable() }),
  'audit.read': z.strictObject({ query: text, rows: z.int() }),
  /** Events of earlier versions have no `why`. */
  'kill.ordered': z.strictObject({ scope: text, target: text.nullable(), why: text.nullable().default(null) }),
  'hold.placed': z.strictObject({ hold: text, scope: text, target: text.nullable(), why: text }),
  'hold.released': z.strictObject({ hold: text, scope: text, target: text.nullable(), why: text }),
  /** Places come late: how many events wait for theirs, and how long the oldest has. Once, when it begins. */
  'log.behind': z.strictObject({ waiting: z.int(), behindMs: z.int() }),
  /** Places come in time again; `behindMs`: the longest that an event had waited at any look. */
  'log.caught-up': z.strictObject({ behindMs: z.int() }),
  'platform.started': z.strictObject({ program: text, version: text, unsafe: z.array(text) }),
  /** A program did not answer the launcher for so long that it was killed and started again; written by its next life. */
  'platform.hung': z.strictObject({ program: text, silentMs: z.int() }),
} as const

export const auditKind = z.enum(Object.keys(detailOf) as [AuditKind, ...AuditKind[]])
export type AuditKind = keyof typeof detailOf
export type DetailOf<K extends AuditKind> = z.infer<(typeof detailOf)[K]>

export const actor = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('person'), id: personId }),
  z.strictObject({ type: z.literal('sandbox'), id: sandboxId }),
  z.strictObject({ type: z.literal('system'), id: z.enum(['server', 'gateway', 'runner', 'launcher']) }),
  z.strictObject({ type: z.literal('nobody'), id: z.literal('nobody') }),
])
export type Actor = z.infer<typeof actor>

export const decision = z.enum(['allow', 'deny', 'info'])
export type Decision = z.infer<typeof decision>

/** All but `kind` and `detail`. */
const envelope = {
  /** UUIDv7 (RFC 9562), made by the writer; a retry of the same event carries the same id and is stored once. */
  id: z.uuidv7(),
  /** Writer's clock, ms since the epoch. Order is the sequencer's, not this: that of arrival, under a backlog the urgent first. */
  at: z.int(),
  actor,
  /** On whose behalf: the sandbox's owner when the actor is a sandbox. */
  person: personId.nullable(),
  prototype: prototypeId.nullable(),
  sandbox: sandboxId.nullable(),
  decision,
  /** A code of reasons.ts, or one that an earlier version wrote; never free text. */
  reason: z.string().regex(/^[a-z0-9-]{1,60}$/),
  /** The rule that decided, as `<bundle or policy>/<index>`. */
  rule: z.string().max(200).nullable(),
  /** In force for the sandbox at that moment; of `policy.published` the one that was published. */
  policy: policyRef.nullable(),
  /** Ties an intent to its end. */
  correlation: z.string().max(100),
}
const eventOf = <K extends AuditKind>(kind: K) =>
  z.strictObject({ ...envelope, reason, kind: z.literal(kind), detail: detailOf[kind] })

export type AuditEvent = { [K in AuditKind]: z.infer<ReturnType<typeof eventOf<K>>> }[AuditKind]
export const auditEnvelope = z.object({ ...envelope, kind: auditKind, detail: z.record(z.string(), z.unknown()) })

/** What the feed and GET /api/v1/audit/events give: the event, its place, and names for the people who read it. */
export const auditView = auditEnvelope.extend({
  seq: z.int(),
  names: z.strictObject({ person: z.string().nullable(), prototype: z.string().nullable() }),
})
export type AuditView = z.infer<typeof auditView>
export const auditList = z.strictObject({ items: z.array(auditView), cursor: z.string().nullable() })
/** Where a reader of the live log stands when nothing of what it passed is for that reader. */
export const auditPlace = z.strictObject({ seq: z.int() })

/** How many events are stored and wait for their place, and since when the oldest of them does. No page and no hash has them yet. */
export const auditLag = z.strictObject({ waiting: z.int().nonnegative(), behindMs: z.int().nonnegative() })
export type AuditLag = z.infer<typeof auditLag>

/** GET /api/v1/audit/subjects: whom and what the log can be asked about. */
export const auditSubjects = z.strictObject({
  people: z.array(z.strictObject({ id: personId, name: z.string() })),
  prototypes: z.array(z.strictObject({ id: prototypeId, title: z.string(), owner: z.string(), removed: z.boolean() })),
})
export type AuditSubjects = z.infer<typeof auditSubjects>
