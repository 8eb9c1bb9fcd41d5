import type { Socket } from 'node:net'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { AuditUnavailable } from '../../audit/append.ts'
import { type ErrorBody, type ErrorCode, statusOf } from '../../contract/errors.ts'
import { ApiError, notFound } from '../../errors.ts'
import type { App } from './route.ts'

/** Every failure leaves as `{ error: { code, message, requestId } }`, whatever threw it. */
export function answerErrors(app: App): void {
  app.setErrorHandler((error: FastifyError, request, reply) => answer(error, request, reply))
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, () => {
    throw notFound()
  })
}

export function answer(error: unknown, request: FastifyRequest, reply: FastifyReply) {
  const known = error instanceof ApiError ? error : recognise(error)
  if (known.code === 'internal') request.log.error({ err: error }, 'a request failed')
  if (known.code === 'audit_unavailable') request.log.error({ err: error }, 'refused: it could not be recorded')
  return reply.code(statusOf[known.code]).send(errorOf(known, request.id))
}

/** For what is not even HTTP: node has no request then, so the answer is written to the socket. */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (socket.destroyed || error.code === 'ECONNRESET') return
  const tooLarge = error.code === 'HPE_HEADER_OVERFLOW'
  const message = tooLarge ? 'The request headers are too large.' : 'This is not a valid HTTP request.'
  const body = JSON.stringify(errorOf(new ApiError('invalid_request', message), 'none'))
  const head = ['HTTP/1.1 400 Bad Request', 'content-type: application/json; charset=utf-8', 'connection: close']
  socket.end(`${head.join('\r\n')}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
}

function errorOf({ code, message }: ApiError, requestId: string): ErrorBody {
  return { error: { code, message, requestId } }
}

/** Fastify's own refusals, by its stable codes (https://fastify.dev/docs/latest/Reference/Errors/). */
const fastifyCodes: Record<string, [ErrorCode, string]> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'Send the body as application/json.'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['too_large', 'The body is too large.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: [
    'invalid_request',
    'The body is empty: send JSON, or leave out the content-type header.',
  ],
  FST_ERR_CTP_INVALID_JSON_BODY: ['invalid_request', 'The body is not valid JSON.'],
  FST_ERR_BAD_URL: ['invalid_request', 'The address is not a valid URL.'],
}

function recognise(error: unknown): ApiError {
  if (hasZodFastifySchemaValidationErrors(error)) return new ApiError('invalid_request', sentenceOf(error.validation))
  const code = codeOf(error)
  const known = fastifyCodes[code]
  if (known) return new ApiError(...known)
  if (code === 'FST_ERR_VALIDATION' || code.startsWith('FST_ERR_CTP')) {
    return new ApiError('invalid_request', 'The request is not valid.')
  }
  if (error instanceof AuditUnavailable || databaseIsGone(error, code)) {
    return new ApiError(
      'audit_unavailable',
      'The database does not answer, so nothing can be recorded or done. Try again soon.',
    )
  }
  return new ApiError('internal', 'Something went wrong on our side. Give the request id to your admin.')
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** Connection failures by errno; SQLSTATE classes 08 (connection) and 57P (shutdown), PostgreSQL appendix A; pg's own two have no code. */
function databaseIsGone(error: unknown, code: string): boolean {
  if (/^(ECONNREFUSED|ECONNRESET|ENOENT|EPIPE|08...|57P..)$/.test(code)) return true
  return (
    error instanceof Error && /^(Connection terminated|timeout exceeded when trying to connect)/.test(error.message)
  )
}

function sentenceOf(issues: { instancePath: string; message?: string | undefined }[]): string {
  const told = issues.slice(0, 5).map(({ instancePath, message }) => {
    const field = instancePath.split('/').filter(Boolean).join('.')
    return field ? `${field}: ${message}` : `${message}`
  })
  return told.join(' · ')
}
