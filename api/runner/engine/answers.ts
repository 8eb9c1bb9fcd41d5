/** What the engine answers, waited for and turned into our errors. Plain promises and streams: nothing here knows dockerode. */
import { stripVTControlCharacters } from 'node:util'
import { z } from 'zod'
import { ApiError } from '../../errors.ts'
import { lines } from '../../flow/lines.ts'

/** For one call that the engine should answer at once; builds, pulls and imports answer when they begin. */
const answerTimeoutMs = 60_000

const failure = z.object({ statusCode: z.number().optional(), code: z.string().optional(), message: z.string() })
const buildLine = z.object({
  stream: z.string().optional(),
  status: z.string().optional(),
  error: z.string().optional(),
})

/** Reads a build, pull or import to its end; the engine reports failure as a line, with status 200 long sent. */
export async function follow(stream: NodeJS.ReadableStream, onLine: (text: string) => void): Promise<void> {
  for await (const line of lines(stream)) {
    const progress = buildLine.parse(JSON.parse(line))
    if (progress.error !== undefined) throw new ApiError('internal', progress.error.slice(0, 2000))
    const text = stripVTControlCharacters(progress.stream ?? progress.status ?? '').trimEnd()
    if (text !== '') onLine(text.slice(0, 2000))
  }
}

export async function inTime<T>(answer: Promise<T>): Promise<T> {
  return raceDeadline(answer).catch(rethrow)
}

/** Docker 20.10 can hang for ever on one container (a pause that met a starting exec): its caller must not. */
async function raceDeadline<T>(answer: Promise<T>): Promise<T> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no answer for ${answerTimeoutMs / 1000} s`)), answerTimeoutMs)
  return Promise.race([answer, tooLate]).finally(() => clearTimeout(timer))
}

export async function unlessMissing<T>(answer: Promise<T>): Promise<T | null> {
  return raceDeadline(answer).catch((error) => {
    if (failure.safeParse(error).data?.statusCode === 404) return null
    throw translate(error)
  })
}

/** 304: it is in that state already. */
export async function unlessAlready(answer: Promise<unknown>): Promise<void> {
  await raceDeadline(answer).catch((error) => {
    if (failure.safeParse(error).data?.statusCode !== 304) throw translate(error)
  })
}

export function rethrow(error: unknown): never {
  throw translate(error)
}

function translate(error: unknown): Error {
  const seen = failure.safeParse(error)
  if (!seen.success) return new Error('The engine failed in a way that says nothing.', { cause: error })
  const { statusCode, message } = seen.data
  if (statusCode === undefined) return new ApiError('runner_unavailable', `Docker does not answer: ${message}`)
  if (statusCode === 404) return new ApiError('not_found', message)
  if (statusCode === 409) return new ApiError('conflict', message)
  return new ApiError('internal', `Docker refused: ${message}`)
}
