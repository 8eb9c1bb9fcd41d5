/** Every error that an API answer can carry: a code without a status does not compile. */
import { z } from 'zod'

export const errorCode = z.enum([
  'invalid_request',
  'unauthenticated',
  'not_found',
  'conflict',
  'too_large',
  'unsupported_media_type',
  'policy_invalid',
  'limit_reached',
  'throttled',
  'origin_refused',
  'sandbox_not_ready',
  'held',
  'audit_unavailable',
  'no_room',
  'runner_unavailable',
  'gateway_unavailable',
  'internal',
])
export type ErrorCode = z.infer<typeof errorCode>

/** HTTP status of each code. Forbidden has no code of its own: it is `not_found` (law 10). */
export const statusOf: Record<ErrorCode, number> = {
  invalid_request: 400,
  unauthenticated: 401,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  unsupported_media_type: 415,
  policy_invalid: 422,
  limit_reached: 409,
  throttled: 429,
  origin_refused: 403,
  sandbox_not_ready: 409,
  /** Locked (RFC 4918, section 11.3): by security or an admin, until one of them releases it. */
  held: 423,
  audit_unavailable: 503,
  /** Insufficient Storage (RFC 4918, section 11.5). */
  no_room: 507,
  runner_unavailable: 503,
  gateway_unavailable: 503,
  internal: 500,
}

export const errorBody = z.strictObject({
  error: z.strictObject({ code: errorCode, message: z.string(), requestId: z.string() }),
})
export type ErrorBody = z.infer<typeof errorBody>
