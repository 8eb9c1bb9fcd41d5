import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { type Refusal, refusal } from './formats.ts'
import { invalid, scanKeys } from './scan-keys.ts'

/** What a piece of a body occupies beside its bytes: a client may send them one at a time. */
const CHUNK_BYTES = 512

export interface BodyLimits {
  maxBytes: number
  timeoutMs: number
  /** Asked for each piece before it is kept: false when there is no room for so many bytes more. */
  take: (bytes: number) => boolean
}

/** Reads a request body of at most `maxBytes` within `timeoutMs`. Null: the client went away before its end. */
export function readBody(
  request: IncomingMessage,
  { maxBytes, timeoutMs, take }: BodyLimits,
): Promise<Buffer | Refusal | null> {
  return new Promise((done) => {
    let chunks: Buffer[] = []
    let bytes = 0
    const onData = (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > maxBytes) finish(tooLarge(maxBytes))
      else if (!take(chunk.length + CHUNK_BYTES)) finish(TOO_MUCH_HELD)
      else chunks.push(chunk)
    }
    const onEnd = () => finish(Buffer.concat(chunks))
    const gone = () => finish(null)
    const finish = (result: Buffer | Refusal | null) => {
      clearTimeout(timer)
      request.off('data', onData).off('end', onEnd).off('error', gone).off('close', gone)
      // The request outlives its reading, and what listens to it with it.
      chunks = []
      done(result)
    }
    const timer = setTimeout(
      () => finish(refusal(408, 'body-timeout', 'The request body did not arrive in time.')),
      timeoutMs,
    )
    request.on('data', onData).once('end', onEnd).once('error', gone).once('close', gone)
  })
}
const TOO_MUCH_HELD = refusal(
  429,
  'too-much-held',
  'The model requests of this sandbox are too large together. Wait for one to end.',
)
export const tooLarge = (maxBytes: number) =>
  refusal(413, 'body-too-large', `A model request may hold ${Math.floor(maxBytes / 1_048_576)} MiB at most.`)

/** Only what is looked at here; whatever else a client sends travels on as it came. */
const requestBody = z.looseObject({ model: z.string().min(1).max(300), stream: z.boolean().nullish() })
export type RequestBody = z.infer<typeof requestBody>

export interface ReadRequest {
  body: RequestBody
  /** The request's text with another model name in the place of the one that was asked for; every other byte as it came. */
  withModel: (model: string) => string
}

/**
 * Parses a request. Two readers of one text must not see two requests, so a key that appears twice in an object is refused
 * (at the top also when only its case differs: Go's encoding/json folds it), and the text is not written anew: numbers
 * beyond 2^53, escapes and unknown fields reach the provider untouched. What would take long to read is refused before it is
 * parsed; `counted` learns how many values the text holds otherwise.
 */
export function readRequest(bytes: Buffer, counted: (values: number) => void = () => undefined): ReadRequest | Refusal {
  const text = decodeUtf8(bytes)
  if (text === null) return invalid('The request body is not UTF-8 text.')
  const scan = scanKeys(text)
  if ('status' in scan) return scan
  counted(scan.values)
  try {
    const body = requestBody.parse(JSON.parse(text))
    const span = scan.model
    if (!span) return invalid(NEEDS_MODEL)
    return { body, withModel: (model) => text.slice(0, span.start) + JSON.stringify(model) + text.slice(span.end) }
  } catch (error) {
    return invalid(error instanceof z.ZodError ? NEEDS_MODEL : 'The request body is not valid JSON.')
  }
}
const NEEDS_MODEL =
  'The request needs a JSON object with "model" as text: use "backlot/default". "stream" is true or false.'

function decodeUtf8(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return null
  }
}
