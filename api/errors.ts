import type { ErrorCode } from './contract/errors.ts'

/** An error whose message is meant for the person who made the request. Anything else becomes `internal`. */
export class ApiError extends Error {
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ApiError'
    this.code = code
  }
}

/** Forbidden and missing are the same answer (law 10): always thrown from here. */
export function notFound(): ApiError {
  return new ApiError('not_found', 'There is nothing here, or it is not yours to see.')
}
