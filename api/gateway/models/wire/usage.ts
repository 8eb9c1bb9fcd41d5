import { z } from 'zod'

export interface Usage {
  inputTokens: number | null
  outputTokens: number | null
}

/** Longest answer, or line of a stream, that is looked at for its token count. Beyond it the count is unknown. */
const MAX_LOOKED_AT_BYTES = 4 * 1_048_576
const NEWLINE = 10

const count = z.int().nonnegative().nullish().catch(null)
const usage = z.looseObject({
  prompt_tokens: count,
  completion_tokens: count,
  input_tokens: count,
  output_tokens: count,
  cache_read_input_tokens: count,
  cache_creation_input_tokens: count,
})
const slot = usage.nullish().catch(null)
const nested = z.looseObject({ usage: slot }).nullish().catch(null)
/** `usage` is at the top (chat, message_delta, whole answers), in `response` (response.completed) or in `message` (message_start). */
const carrier = z.looseObject({ usage: slot, response: nested, message: nested })

/**
 * Reads the provider's own token counts beside the stream that passes. It never throws and never holds anything back; what
 * it cannot read it does not count. Anthropic counts cached input apart: here it is part of the input.
 */
export function observeUsage(streaming: boolean) {
  const found: Usage = { inputTokens: null, outputTokens: null }
  let pending: Buffer[] = []
  let pendingBytes = 0

  function take(text: string) {
    if (!text.includes('"usage"')) return
    const parsed = carrier.safeParse(parseJson(text))
    if (!parsed.success) return
    const read = parsed.data.usage ?? parsed.data.response?.usage ?? parsed.data.message?.usage
    if (!read) return
    const input = read.prompt_tokens ?? read.input_tokens
    if (typeof input === 'number')
      found.inputTokens = input + (read.cache_read_input_tokens ?? 0) + (read.cache_creation_input_tokens ?? 0)
    found.outputTokens = read.completion_tokens ?? read.output_tokens ?? found.outputTokens
  }
  function hold(bytes: Buffer) {
    pendingBytes += bytes.length
    if (pendingBytes <= MAX_LOOKED_AT_BYTES) pending.push(bytes)
    else pending = []
  }
  function flush() {
    const line = pendingBytes <= MAX_LOOKED_AT_BYTES ? Buffer.concat(pending).toString('utf8') : ''
    pending = []
    pendingBytes = 0
    if (!streaming) return take(line)
    if (line.startsWith('data:')) take(line.slice(5))
  }

  return {
    see(chunk: Buffer) {
      if (!streaming) return hold(chunk)
      let from = 0
      for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
        hold(chunk.subarray(from, at))
        flush()
        from = at + 1
      }
      if (from < chunk.length) hold(chunk.subarray(from))
    },
    end(): Usage {
      flush()
      return found
    },
  }
}

function parseJson(text: string): unknown {
  try {
    return z.unknown().parse(JSON.parse(text))
  } catch {
    return null
  }
}
