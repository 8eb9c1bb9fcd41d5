import type { ServerResponse } from 'node:http'
import type { EventBudget } from '../budget/budget.ts'
import type { SandboxDoor } from '../identity.ts'
import { type Denial, repeatable } from './events.ts'
import { answerInstead } from './forward.ts'
import { type Refusal, refusal, type WireFormat } from './wire/formats.ts'

/** How long the rest of a refused request's body may take. */
const UNREAD_BODY_MS = 5_000

export const NOT_RECORDED = refusal(
  503,
  'audit-unavailable',
  'Backlot cannot write its log at the moment, so nothing may leave. Try again in a minute.',
)

/** What is known of a refused request. */
export interface Asked extends Omit<Denial, 'reason'> {
  format: WireFormat
}
export type Refuse = (response: ServerResponse, refused: Refusal, asked: Asked) => Promise<void>

/** Refusals are recorded once, and then answered in the shape that the client's own provider would use. */
export function createRefuse(sandbox: SandboxDoor, record: EventBudget['record']): Refuse {
  return async (response, refused, { format, ...asked }) => {
    const recorded = await record(repeatable(sandbox.id, { ...asked, reason: refused.reason }))
    answerInstead(response, format, recorded ? refused : NOT_RECORDED)
    // node:http reads an unread body away so that the client gets its answer; one that does not end is cut off.
    const { req } = response
    if (!req.complete) setTimeout(() => req.complete || req.destroy(), UNREAD_BODY_MS).unref()
  }
}
