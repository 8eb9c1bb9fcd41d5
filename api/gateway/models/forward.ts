import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Provider } from '../../contract/models.ts'
import type { Demo } from './demo/answer.ts'
import { AddressNotLocal } from './provider/connect.ts'
import type { Upstream, UpstreamAnswer } from './provider/upstream.ts'
import type { RequestBody } from './wire/body.ts'
import { errorBody, type Failure, failure, type Refusal, type WireFormat } from './wire/formats.ts'
import { downstreamHeaders, keyMask, upstreamHeaders } from './wire/headers.ts'
import { keyMaskStream, unpacked } from './wire/mask-stream.ts'
import { observeUsage, type Usage } from './wire/usage.ts'

/** Longest error body of a provider that is read, masked and passed on. */
const MAX_ERROR_BYTES = 65_536

export interface AllowedCall {
  path: string
  format: WireFormat
  provider: Provider
  body: RequestBody
  /** The request's text with the provider's model name in it. */
  text: string
  key: string | null
  abort: AbortController
}

export interface CallEnd extends Usage {
  /** The provider's status; null when it never answered. */
  status: number | null
  firstByteMs: number | null
  outcome: 'completed' | 'client-closed' | 'upstream-error' | 'provider-address-public'
}

/**
 * Makes an allowed call and passes its answer through: byte for byte but for our key, with back-pressure, headers at once.
 * Never rejects; what happened is the return value, for the log. The client's going away ends the call upstream (L11, test/CASES.md).
 *
 * Longer than 60 lines because both directions of one call end each other.
 */
export async function forward(
  call: AllowedCall,
  {
    request,
    response,
    upstream,
    demo,
  }: { request: IncomingMessage; response: ServerResponse; upstream: Upstream; demo: Demo },
): Promise<CallEnd> {
  const startedAt = performance.now()
  const end: CallEnd = { status: null, firstByteMs: null, inputTokens: null, outputTokens: null, outcome: 'completed' }
  const mask = keyMask(call.key)
  let observer: ReturnType<typeof observeUsage> | null = null
  const gone = () => {
    if (!response.writableFinished) call.abort.abort()
  }
  response.once('close', gone)
  if (response.destroyed) gone()
  try {
    const answer = await ask(call, request, upstream, demo)
    end.status = answer.status
    // An answer that is no longer wanted still has a body, and its 'error' must have a listener.
    answer.body.on('error', () => undefined)
    if (answer.status < 200 || answer.status >= 300) {
      end.outcome = 'upstream-error'
      await passError(call, answer, response, mask)
      return end
    }
    const masks = keyMaskStream(call.key)
    const shown = masks ? openForMasking(answer) : answer
    if (shown === null) {
      end.outcome = 'upstream-error'
      answerInstead(response, call.format, PACKED)
      return end
    }
    observer = observeUsage(String(shown.headers['content-type'] ?? '').startsWith('text/event-stream'))
    writeHeader(shown, response, mask)
    for await (const chunk of shown.body) {
      if (!Buffer.isBuffer(chunk)) continue
      end.firstByteMs ??= Math.round(performance.now() - startedAt)
      observer.see(chunk)
      const ready = masks ? masks.take(chunk) : chunk
      if (ready.length > 0 && !response.write(ready)) await once(response, 'drain', { signal: call.abort.signal })
    }
    response.end(masks?.rest())
    return end
  } catch (error) {
    const isElsewhere = error instanceof AddressNotLocal
    end.outcome = call.abort.signal.aborted
      ? 'client-closed'
      : isElsewhere
        ? 'provider-address-public'
        : 'upstream-error'
    if (response.headersSent) response.destroy()
    else
      answerInstead(
        response,
        call.format,
        isElsewhere ? ELSEWHERE : failure(502, 'upstream-failed', failureText(error)),
      )
    return end
  } finally {
    response.off('close', gone)
    // What was counted before an answer broke off was used too.
    if (observer) Object.assign(end, observer.end())
    // Whatever was not read to its end is let go, so that its connection does not stay taken.
    if (end.outcome !== 'completed') call.abort.abort()
  }
}

function writeHeader({ status, headers }: UpstreamAnswer, response: ServerResponse, mask: (text: string) => string) {
  const length = headers['content-length']
  const passed = downstreamHeaders(headers, mask)
  response.writeHead(status, typeof length === 'string' ? { ...passed, 'content-length': length } : passed)
  // A stream's head says that the model has begun, perhaps long before its first word.
  if (length === undefined) response.flushHeaders()
}

const ELSEWHERE = failure(
  403,
  'provider-address-public',
  'This model is meant to run on your own machines, but its address is not one of a private network. Nothing was sent there. Ask your admin to check the provider under Models.',
)

const PACKED = failure(
  502,
  'upstream-failed',
  'The model provider answered compressed, in a way that Backlot cannot look into, though it was asked not to. Ask your admin to check the provider under Models.',
)

/** The answer with its body unpacked: what is packed could hold the key unseen. Null where that cannot be done. */
function openForMasking(answer: UpstreamAnswer): UpstreamAnswer | null {
  const body = unpacked(answer.body, answer.headers['content-encoding'])
  if (body === null || body === answer.body) return body && answer
  const { 'content-encoding': _coding, 'content-length': _length, ...headers } = answer.headers
  return { ...answer, headers, body }
}

function ask(call: AllowedCall, request: IncomingMessage, upstream: Upstream, demo: Demo): Promise<UpstreamAnswer> {
  const { format, provider, path, abort } = call
  if (provider.kind === 'demo') return demo.answer(format, call.body, abort.signal, call.text.length)
  const headers = upstreamHeaders(provider.kind, format, call.key, request.headers)
  return upstream.send({ provider, path, headers, body: call.text, signal: abort.signal })
}

/** Passes a provider's refusal on with the key masked; what is about the key itself, or leads elsewhere, is answered in our own words. */
async function passError(
  call: AllowedCall,
  answer: UpstreamAnswer,
  response: ServerResponse,
  mask: (text: string) => string,
) {
  const own = ownWords(answer.status)
  if (own) {
    answer.body.destroy()
    return answerInstead(response, call.format, own)
  }
  const body = answer.headers['content-encoding'] ? null : await readLimited(answer.body)
  if (body === null)
    return answerInstead(
      response,
      call.format,
      failure(answer.status, 'upstream-error', `The model provider answered ${answer.status}.`),
    )
  response.writeHead(answer.status, downstreamHeaders(answer.headers, mask))
  response.end(mask(body))
}

function ownWords(status: number): Failure | null {
  if (status === 401)
    return failure(
      401,
      'provider-key-refused',
      'The model provider refused the key that Backlot holds for it. Ask your admin to check it under Models.',
    )
  if (status < 400)
    return failure(
      502,
      'upstream-redirect',
      `The model provider answered ${status} and Backlot does not follow it. Ask your admin to check the provider's address under Models.`,
    )
  return null
}

/** Null when it is longer than anybody would read. */
async function readLimited(body: AsyncIterable<unknown>): Promise<string | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    if (!Buffer.isBuffer(chunk)) continue
    bytes += chunk.length
    if (bytes > MAX_ERROR_BYTES) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** An answer of ours, in the shape of the provider whose format it is. */
export function answerInstead(response: ServerResponse, format: WireFormat, given: Refusal | Failure): void {
  if (response.headersSent || response.destroyed) return
  const body = errorBody(format, given)
  response.writeHead(given.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'x-backlot-reason': given.reason,
  })
  response.end(body)
}

/** Codes only: an error's message can hold an address or a certificate's text that a sandbox has no business with. */
function failureText(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const todo = 'Ask your admin to test the provider under Models.'
  if (/CERT|SELF_SIGNED|TLS|SSL|UNABLE_TO/.test(code))
    return `The model provider's certificate was not accepted (${code}). ${todo}`
  if (/TIMEOUT|TIMEDOUT/.test(code)) return `The model provider did not answer in time. Try again. ${todo}`
  return `The model provider could not be reached${code ? ` (${code})` : ''}. ${todo}`
}
