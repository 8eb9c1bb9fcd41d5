import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AuditUnavailable } from '../../audit/append.ts'
import { ApiError, notFound } from '../../errors.ts'
import { answerTo, codeOf, type ErrorPolicy, errorBodyOf } from '../../http-errors.ts'
import type { App } from './route.ts'

/** Every failure leaves as `{ error: { code, message, requestId } }`, whatever threw it. */
export function answerErrors(app: App): void {
  app.setErrorHandler(answer)
  app.setNotFoundHandler(() => {
    throw notFound()
  })
}

/** Also for what Fastify refuses before a route is found (`frameworkErrors`). */
export function answer(error: unknown, request: FastifyRequest, reply: FastifyReply) {
  const { status, body } = answerTo(error, request, errors)
  return reply.code(status).send(body)
}

const errors: ErrorPolicy = {
  unforeseen: 'Something went wrong on our side. Give the request id to your admin.',
  recognise: (error) =>
    error instanceof AuditUnavailable || databaseIsGone(error)
      ? new ApiError(
          'audit_unavailable',
          'The database does not answer, so nothing can be recorded or done. Try again soon.',
        )
      : null,
}

/** For what is not even HTTP: node has no request then, so the answer is written to the socket. */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (socket.destroyed || error.code === 'ECONNRESET') return
  const tooLarge = error.code === 'HPE_HEADER_OVERFLOW'
  const message = tooLarge ? 'The request headers are too large.' : 'This is not a valid HTTP request.'
  const body = JSON.stringify(errorBodyOf(new ApiError('invalid_request', message), 'none'))
  const head = ['HTTP/1.1 400 Bad Request', 'content-type: application/json; charset=utf-8', 'connection: close']
  socket.end(`${head.join('\r\n')}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
}

/** Connection failures by errno; SQLSTATE classes 08 (connection) and 57P (shutdown), PostgreSQL appendix A; pg's own two have no code. */
function databaseIsGone(error: unknown): boolean {
  if (/^(ECONNREFUSED|ECONNRESET|ENOENT|EPIPE|08...|57P..)$/.test(codeOf(error))) return true
  return (
    error instanceof Error && /^(Connection terminated|timeout exceeded when trying to connect)/.test(error.message)
  )
}
