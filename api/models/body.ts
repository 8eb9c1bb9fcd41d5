import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { type Refusal, refusal } from './wire.ts'

/** Deeper than any client nests, shallow enough for every later walk to recurse. */
const MAX_DEPTH = 100
const BACKSLASH = 92

/** Reads a request body of at most `maxBytes` within `timeoutMs`. Null: the client went away before its end. */
export function readBody(
  request: IncomingMessage,
  { maxBytes, timeoutMs }: { maxBytes: number; timeoutMs: number },
): Promise<Buffer | Refusal | null> {
  return new Promise((done) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const timer = setTimeout(
      () => finish(refusal(408, 'body-timeout', 'The request body did not arrive in time.')),
      timeoutMs,
    )
    const finish = (result: Buffer | Refusal | null) => {
      clearTimeout(timer)
      request.removeAllListeners('data')
      done(result)
    }
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > maxBytes) finish(tooLarge(maxBytes))
      else chunks.push(chunk)
    })
    request.once('end', () => finish(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)))
    request.once('error', () => finish(null))
    request.once('close', () => finish(null))
  })
}
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
 * Parses a request. Two readers of one text must not see two requests, so a key that stands twice in an object is refused
 * (at the top also when only its case differs: Go's encoding/json folds it), and the text is not written anew: numbers
 * beyond 2^53, escapes and unknown fields reach the provider untouched.
 */
export function readRequest(bytes: Buffer): ReadRequest | Refusal {
  const text = decodeUtf8(bytes)
  if (text === null) return refusal(400, 'body-invalid', 'The request body is not UTF-8 text.')
  const scan = scanKeys(text)
  if (typeof scan === 'string') return refusal(400, 'body-invalid', scan)
  try {
    const body = requestBody.parse(JSON.parse(text))
    const span = scan.model
    if (!span) return refusal(400, 'body-invalid', NEEDS_MODEL)
    return { body, withModel: (model) => text.slice(0, span.start) + JSON.stringify(model) + text.slice(span.end) }
  } catch (error) {
    return refusal(
      400,
      'body-invalid',
      error instanceof z.ZodError ? NEEDS_MODEL : 'The request body is not valid JSON.',
    )
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

interface Span {
  start: number
  end: number
}

/** Walks the tokens of a JSON text. It need not be valid: the real parser comes after and has the last word. */
function scanKeys(text: string): { model: Span | null } | string {
  const objects: (Set<string> | null)[] = []
  let model: Span | null = null
  let expectsKey = false
  let awaited = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '{' || character === '[') {
      objects.push(character === '{' ? new Set() : null)
      if (objects.length > MAX_DEPTH) return `The request body nests deeper than ${MAX_DEPTH} levels.`
      expectsKey = character === '{'
    } else if (character === '}' || character === ']') {
      objects.pop()
      expectsKey = false
    } else if (character === ',') {
      expectsKey = Boolean(objects.at(-1))
    } else if (character === '"') {
      const end = stringEnd(text, at)
      if (expectsKey) {
        const key = keyAt(text, at, end)
        const top = objects.length === 1
        const known = objects.at(-1)
        const folded = top ? key.toLowerCase() : key
        if (known?.has(folded)) return `The field "${key.slice(0, 60)}" stands twice in the request body.`
        // Some readers fold case, and a few fold U+017F and U+212A into ASCII: at the top only plain names are let through.
        if (top && (/[^\x20-\x7e]/.test(key) || (folded === 'model' && key !== 'model')))
          return `The field "${key.slice(0, 60).replace(/[^\x20-\x7e]/g, '?')}" is not one that Backlot passes on.`
        known?.add(folded)
        awaited = top && key === 'model'
      } else if (awaited) {
        model = { start: at, end }
        awaited = false
      }
      expectsKey = false
      at = end - 1
    }
  }
  return { model }
}

/** One past the closing quote: the first one with an even number of backslashes before it. */
function stringEnd(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0
    while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return quote + 1
  }
  return text.length
}

const jsonString = z.string().catch('')
function keyAt(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end - 1)
  if (!raw.includes('\\')) return raw
  try {
    return jsonString.parse(JSON.parse(text.slice(start, end)))
  } catch {
    return raw
  }
}
