import type { Logger } from 'pino'
import { auditEvent } from '../../audit/event.ts'
import type { AuditEvent, DetailOf } from '../../contract/audit.ts'
import type { EgressDenial } from '../../contract/reasons.ts'
import type { EgressRequest } from '../../policy/egress.ts'
import type { DoorIdentity, SandboxDoor } from '../identity.ts'
import { createBacklog } from './backlog.ts'

/** Resolves when the event is committed; rejects when it could not be in time. */
export type Append = (event: AuditEvent) => Promise<void>
export type Outcome = DetailOf<'egress.ended'>['outcome']

/** What all events of one passage share. */
export interface Trace {
  identity: DoorIdentity
  request: EgressRequest
  rule: string
  correlation: string
}

export interface Denial {
  reason: EgressDenial
  identity: DoorIdentity | null
  method: string
  /** Absent when what came did not parse; then `raw` says what came. */
  request?: EgressRequest
  raw?: string
  rule?: string | null
  address?: string
  correlation?: string
}

/** Writes down what one sandbox asked for, what was decided, and how it ended. */
export function createRecorder({ sandbox, append, log }: { sandbox: SandboxDoor; append: Append; log: Logger }) {
  const who = (identity: DoorIdentity | null) => ({
    actor: { type: 'sandbox' as const, id: sandbox.id },
    sandbox: sandbox.id,
    person: identity?.person ?? null,
    prototype: identity?.prototype ?? null,
    policy: identity ? { name: identity.policy.name, version: identity.policy.version } : null,
  })

  async function stored(event: AuditEvent, level: 'warn' | 'debug' = 'warn'): Promise<boolean> {
    try {
      await append(event)
      return true
    } catch (error) {
      log[level]({ err: error, kind: event.kind, reason: event.reason }, 'an event could not be recorded in time')
      return false
    }
  }

  /** What closes an intent is tried until it is stored, by the same id, so once. While it is not, no new intent passes either. */
  async function settled(event: AuditEvent): Promise<boolean> {
    if (await stored(event)) return true
    void keepTrying(event)
    return false
  }
  async function keepTrying(event: AuditEvent) {
    let pauseMs = 50
    do {
      await new Promise<void>((done) => setTimeout(done, pauseMs).unref())
      pauseMs = Math.min(pauseMs * 2, 5000)
    } while (!(await stored(event)))
  }

  const denial = (denied: Denial): AuditEvent =>
    auditEvent('egress.request', {
      ...who(denied.identity),
      decision: 'deny',
      reason: denied.reason,
      rule: denied.rule ?? null,
      ...(denied.correlation === undefined ? {} : { correlation: denied.correlation }),
      detail: {
        method: denied.method,
        host: denied.request?.host ?? '',
        port: denied.request?.port ?? null,
        path: denied.request?.path ?? null,
        phase: phaseOf(denied.identity),
        address: denied.address ?? null,
        raw: denied.raw ?? null,
      },
    })

  const later = createBacklog({
    store: (event) => stored(event, 'debug'),
    counted: (lost) =>
      denial({ reason: 'audit-unavailable', identity: sandbox.current(), method: '', raw: `${lost} denials` }),
  })

  return {
    /** False: not recorded, so the intent must not be carried out. */
    intent: ({ identity, request, rule, correlation }: Trace): Promise<boolean> =>
      stored(
        auditEvent('egress.request', {
          ...who(identity),
          decision: 'allow',
          reason: 'rule',
          rule,
          correlation,
          detail: { ...target(request), phase: phaseOf(identity), address: null, raw: null },
        }),
      ),

    /** A refusal before any intent. False: not recorded in time; it is refused all the same, and written down later. */
    async denied(denied: Denial): Promise<boolean> {
      const event = denial(denied)
      if (await stored(event)) return true
      later(event)
      return false
    },

    /** A refusal after the intent, by what was seen only then: it closes the intent. */
    deniedLate: (
      { identity, request, rule, correlation }: Trace,
      reason: EgressDenial,
      address?: string,
    ): Promise<boolean> =>
      settled(
        denial({
          reason,
          identity,
          method: request.method,
          request,
          rule,
          correlation,
          ...(address === undefined ? {} : { address }),
        }),
      ),

    async ended(
      { identity, request, rule, correlation }: Trace,
      end: Omit<DetailOf<'egress.ended'>, keyof ReturnType<typeof target> | 'phase'>,
    ): Promise<boolean> {
      return settled(
        auditEvent('egress.ended', {
          ...who(identity),
          decision: 'info',
          reason: end.outcome,
          rule,
          correlation,
          detail: { ...target(request), phase: phaseOf(identity), ...end },
        }),
      )
    },
  }
}
export type Recorder = ReturnType<typeof createRecorder>

const phaseOf = (identity: DoorIdentity | null) => (identity?.proving ? ('proof' as const) : ('work' as const))

/** The query is left out: it is where tokens stand. */
const target = ({ method, host, port, path }: EgressRequest) => ({ method, host, port, path })
