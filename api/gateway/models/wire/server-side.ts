import { z } from 'zod'
import type { RequestBody } from './body.ts'
import { type Refusal, refusal, type WireFormat } from './formats.ts'

/**
 * Model providers can fetch, search, run code and store on a caller's behalf: ways out that no egress rule sees (L04,
 * test/CASES.md). Until a policy can allow them they are refused, each by name. What a client runs itself passes.
 */
const CLIENT_RUN: Record<WireFormat, RegExp> = {
  chat: /^(function|custom)$/,
  responses: /^(function|custom|local_shell|apply_patch)$/,
  messages: /^(custom|(bash|text_editor|computer|memory)_\d{8})$/,
}

/** Top-level fields that name a source, a place to keep or send data, another model, or other credentials. */
const REFUSED_FIELDS =
  /^(mcp_servers|web_search.*|search.*|enable_search|plugins|containers?|skills|connectors?|retrieval.*|data_sources|extra_body|models|fallbacks|route|provider|base_url|api_base|api_key|api_version|custom_llm_provider|user_config|.*callbacks?|webhook.*|previous_response_id|conversation|background|prompt|batch.*)$/i
/** Empty values of those fields say nothing, and some clients always send them. */
const saysNothing = (value: unknown) =>
  value === null || value === false || value === '' || (Array.isArray(value) && value.length === 0)

const refuse = (what: string, todo: string): Refusal =>
  refusal(
    403,
    'server-side-refused',
    `${what} lets the model provider reach or keep data where your policy does not see it. ${todo}`,
  )

/** The first part of the request that would make the provider act outside this sandbox's policy, or null. */
export function serverSideRefusal(format: WireFormat, body: RequestBody): Refusal | null {
  for (const [field, value] of Object.entries(body))
    if (REFUSED_FIELDS.test(field) && !saysNothing(value))
      return refuse(`The field "${field.slice(0, 60)}"`, 'Leave it out.')
  return toolRefusal(format, body.tools) ?? contentRefusal([body.messages, body.input, body.system, body.instructions])
}

const tools = z.array(z.looseObject({ type: z.string().nullish() })).nullish()

function toolRefusal(format: WireFormat, offered: unknown): Refusal | null {
  const read = tools.safeParse(offered)
  if (!read.success) return refusal(400, 'body-invalid', '"tools" must be a list of objects, each with "type" as text.')
  for (const { type } of read.data ?? []) {
    // Anthropic: no type means a custom tool. OpenAI: the type is required, so none is not one that we know.
    if (type ? CLIENT_RUN[format].test(type) : format === 'messages') continue
    const name = type ? `"${type.slice(0, 60)}"` : 'without a type'
    return refuse(
      `The tool ${name} is run by the provider and`,
      'Switch it off in the agent; tools that the agent runs itself work.',
    )
  }
  return null
}

/** What a tool was called with, and where an answer came from: data, not an instruction to the provider. */
function isData(type: unknown, key: string): boolean {
  if (key === 'input') return type === 'tool_use' || type === 'custom_tool_call'
  return key === 'arguments' || key === 'citations' || key === 'annotations'
}

/** Looks at every object of the conversation. */
function contentRefusal(roots: readonly unknown[]): Refusal | null {
  const open = [...roots]
  while (open.length > 0) {
    const value = open.pop()
    if (Array.isArray(value)) for (const each of value) open.push(each)
    else if (value !== null && typeof value === 'object') {
      const part = Object.entries(value)
      const type = part.find(([key]) => key === 'type')?.[1]
      const found = partRefusal(type, part)
      if (found) return found
      for (const [key, inner] of part) if (!isData(type, key)) open.push(inner)
    }
  }
  return null
}

const source = z.looseObject({ type: z.enum(['base64', 'text', 'content']) })
const withUrl = z.looseObject({ url: z.string() })
/** A stored thing that is only referred to: another sandbox may have put it there with the same key. */
const REFERENCES = new Set(['item_reference', 'container_upload'])
const INLINE = 'Send the content itself (as data: or base64).'
/** Fields of a part in which one provider or another takes an address and fetches it. */
const FETCHED = /^(.*ur[li]s?|href|src|images?|audio|videos?|files?|documents?|source)$/i
/** Enough of an address to know it by. */
const HEAD = 256

function partRefusal(type: unknown, part: [string, unknown][]): Refusal | null {
  if (typeof type === 'string' && REFERENCES.has(type)) return refuse(`A part of type "${type}"`, INLINE)
  for (const [key, value] of part) {
    if (value === null || value === undefined) continue
    if (/^file_?ids?$/i.test(key)) return refuse(`"${key}"`, INLINE)
    if (key === 'source' && typeof value === 'object' && !source.safeParse(value).success)
      return refuse('A source other than text or base64', INLINE)
    // Where a client's own search found something: it is quoted, not fetched.
    const quoted = type === 'search_result' && key === 'source'
    if (!quoted && FETCHED.test(key) && [value].flat().some(isAddress))
      return refuse(`"${key.slice(0, 60)}" with an address`, INLINE)
    if (/_(url|uri)$/i.test(key) && !isInline(value)) return refuse(`"${key.slice(0, 60)}" with an address`, INLINE)
  }
  return null
}

function isInline(value: unknown): boolean {
  // A failed parse costs a hundred times as much as this question.
  if (typeof value === 'string') return /^data:/i.test(value)
  const read = withUrl.safeParse(value)
  return read.success && /^data:/i.test(read.data.url)
}

/** `https://…`, `//host`, `file:/…` in any spelling that a URL parser takes. Text with a colon in it is none. */
function isAddress(value: unknown): boolean {
  if (typeof value !== 'string') return false
  // URL parsers leave out what stands in front, and tabs and line breaks anywhere (WHATWG URL, section 4.4).
  let head = ''
  for (let at = Math.max(0, value.search(/[^\0-\x20]/)); at < value.length && head.length < HEAD; at++)
    if (!'\t\n\r'.includes(value.charAt(at))) head += value.charAt(at)
  // A dot or colon: base64 may begin with two slashes, too.
  return /^(?:[a-z][a-z0-9+.-]*:[\\/]{2}|[\\/]{2}[^\\/]*[.:]|(?:https?|ftp|file|s3|gs):)/i.test(head)
}
