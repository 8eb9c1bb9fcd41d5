/** How all three programs answer what went wrong: `{ error: { code, message, requestId } }`, with the status of contract/errors.ts. */
import type { z } from 'zod'
import { type ErrorBody, type ErrorCode, statusOf } from './contract/errors.ts'
import { ApiError } from './errors.ts'
import { describeIssue, sentenceOf } from './issues.ts'

/** For Fastify's `setValidatorCompiler`: what is refused names the field and says what is wrong with it. */
export function validatorCompiler({ schema, httpPart }: { schema: z.ZodType; httpPart?: string | undefined }) {
  const whole = httpPart === 'body' ? 'the body' : 'the address'
  return (value: unknown): { value: unknown } | { error: Error } => {
    const parsed = schema.safeParse(value, { error: describeIssue })
    if (parsed.success) return { value: parsed.data }
    return { error: new ApiError('invalid_request', sentenceOf(parsed.error.issues, whole)) }
  }
}

/** What is a program's own in its errors. */
export interface ErrorPolicy {
  /** To the person, when nobody foresaw it. What happened is in the program's log only. */
  unforeseen: string
  /** Failures that this program knows, and the others do not. */
  recognise?: (error: unknown) => ApiError | null
}

/** Whatever was thrown → what the caller is told. */
export function toApiError(error: unknown, { unforeseen, recognise }: ErrorPolicy): ApiError {
  if (error instanceof ApiError) return error
  return recognise?.(error) ?? refusalOfFastify(error) ?? new ApiError('internal', unforeseen)
}

/** What a program's error handler sends; what only its admin should see goes to the log. */
export function answerTo(error: unknown, request: Asking, policy: ErrorPolicy): { status: number; body: ErrorBody } {
  const known = toApiError(error, policy)
  const logged = LOGGED[known.code]
  if (logged) request.log.error({ err: error }, logged)
  return { status: statusOf[known.code], body: errorBodyOf(known, request.id) }
}
interface Asking {
  id: string
  log: { error(about: { err: unknown }, message: string): void }
}
const LOGGED: Partial<Record<ErrorCode, string>> = {
  internal: 'a request failed',
  audit_unavailable: 'refused: it could not be recorded',
}

export function errorBodyOf({ code, message }: ApiError, requestId: string): ErrorBody {
  return { error: { code, message, requestId } }
}

/** Fastify's own refusals, by its stable codes (https://fastify.dev/docs/latest/Reference/Errors/). */
const FASTIFY: Record<string, [ErrorCode, string]> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'Send the body as application/json.'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['too_large', 'The body is too large.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: [
    'invalid_request',
    'The body is empty: send JSON, or leave out the content-type header.',
  ],
  FST_ERR_CTP_INVALID_JSON_BODY: ['invalid_request', 'The body is not valid JSON.'],
  FST_ERR_BAD_URL: ['invalid_request', 'The address is not a valid URL.'],
}

function refusalOfFastify(error: unknown): ApiError | null {
  const code = codeOf(error)
  const known = FASTIFY[code]
  if (known) return new ApiError(...known)
  return code === 'FST_ERR_VALIDATION' || code.startsWith('FST_ERR_CTP')
    ? new ApiError('invalid_request', 'The request is not valid.')
    : null
}

/** What Node, Fastify and pg name an error by. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
