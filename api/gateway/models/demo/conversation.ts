import { z } from 'zod'
import type { WireFormat } from '../wire/formats.ts'

/** What the demo needs to know of a conversation, whatever format it came in. */
export interface Conversation {
  system: string
  tools: Tool[]
  turns: Turn[]
}
export interface Tool {
  name: string
  /** Names of its parameters. */
  parameters: Set<string>
  /** True for a parameter that takes a list of strings (Codex's `command`). */
  lists: Set<string>
}
export type Turn =
  | { role: 'user' | 'assistant'; text: string }
  | { role: 'call'; name: string; input: string }
  | { role: 'result'; text: string }

/** A list whose first wrong item ends the reading: zod would describe each of very many. */
const listOf = <T>(item: z.ZodType<T>) =>
  z.array(z.unknown()).transform((items) => items.map((each) => item.parse(each)))

const part = z.looseObject({ type: z.string().optional(), text: z.string().optional() })
const content = z.union([z.string(), listOf(part), z.null()]).optional()
const properties = z.record(z.string(), z.looseObject({ type: z.unknown().optional() })).catch({})
const parameters = z.looseObject({ properties }).catch({ properties: {} })

const chatBody = z.looseObject({
  messages: listOf(
    z.looseObject({
      role: z.string(),
      content,
      tool_calls: listOf(
        z.looseObject({ function: z.looseObject({ name: z.string(), arguments: z.string() }) }),
      ).nullish(),
    }),
  ),
  tools: listOf(
    z.looseObject({ function: z.looseObject({ name: z.string(), parameters: parameters.optional() }).optional() }),
  ).nullish(),
})

const block = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  name: z.string().optional(),
  input: z.unknown().optional(),
  content: z.union([z.string(), listOf(part)]).optional(),
})
const messagesBody = z.looseObject({
  system: z.union([z.string(), listOf(part)]).optional(),
  messages: listOf(z.looseObject({ role: z.string(), content: z.union([z.string(), listOf(block)]) })),
  tools: listOf(z.looseObject({ name: z.string().optional(), input_schema: parameters.optional() })).nullish(),
})

const item = z.looseObject({
  type: z.string().optional(),
  role: z.string().optional(),
  content,
  name: z.string().optional(),
  arguments: z.string().optional(),
  output: z.union([z.string(), listOf(part)]).optional(),
})
const responsesBody = z.looseObject({
  instructions: z.string().nullish(),
  input: z.union([z.string(), listOf(item)]),
  tools: listOf(
    z.looseObject({ type: z.string(), name: z.string().optional(), parameters: parameters.optional() }),
  ).nullish(),
})

const textOf = (given: z.infer<typeof content>): string =>
  typeof given === 'string' ? given : (given ?? []).map((each) => each.text ?? '').join('\n')

function toolOf(name: string | undefined, schema: z.infer<typeof parameters> | undefined): Tool[] {
  if (!name) return []
  const entries = Object.entries(schema?.properties ?? {})
  return [
    {
      name,
      parameters: new Set(entries.map(([key]) => key)),
      lists: new Set(entries.flatMap(([key, value]) => (value.type === 'array' ? [key] : []))),
    },
  ]
}

/** @throws ZodError when the body is not of that format. */
export function readConversation(format: WireFormat, body: unknown): Conversation {
  if (format === 'chat') return fromChat(chatBody.parse(body))
  return format === 'messages' ? fromMessages(messagesBody.parse(body)) : fromResponses(responsesBody.parse(body))
}

function fromChat({ messages, tools }: z.infer<typeof chatBody>): Conversation {
  const system: string[] = []
  const turns: Turn[] = []
  for (const { role, content: given, tool_calls } of messages) {
    const text = textOf(given)
    if (role === 'system' || role === 'developer') system.push(text)
    else if (role === 'tool') turns.push({ role: 'result', text })
    else if (text) turns.push({ role: role === 'assistant' ? 'assistant' : 'user', text })
    for (const call of tool_calls ?? [])
      turns.push({ role: 'call', name: call.function.name, input: call.function.arguments })
  }
  return {
    system: system.join('\n'),
    turns,
    tools: (tools ?? []).flatMap((tool) => toolOf(tool.function?.name, tool.function?.parameters)),
  }
}

function fromMessages({ system, messages, tools }: z.infer<typeof messagesBody>): Conversation {
  const turns: Turn[] = []
  for (const { role, content: given } of messages) {
    const blocks = typeof given === 'string' ? [{ type: 'text', text: given }] : given
    for (const each of blocks) {
      if (each.type === 'text' && each.text)
        turns.push({ role: role === 'assistant' ? 'assistant' : 'user', text: each.text })
      if (each.type === 'tool_use')
        turns.push({ role: 'call', name: each.name ?? '', input: JSON.stringify(each.input ?? {}) })
      if (each.type === 'tool_result') turns.push({ role: 'result', text: textOf(each.content) })
    }
  }
  return { system: textOf(system), turns, tools: (tools ?? []).flatMap((tool) => toolOf(tool.name, tool.input_schema)) }
}

function fromResponses({ instructions, input, tools }: z.infer<typeof responsesBody>): Conversation {
  const system = [instructions ?? '']
  const turns: Turn[] = []
  for (const each of typeof input === 'string' ? [{ role: 'user', content: input }] : input) {
    const {
      type = 'message',
      role,
      content: given,
      name = '',
      arguments: called = '{}',
      output,
    } = { type: undefined, ...each }
    if (type === 'function_call') turns.push({ role: 'call', name, input: called })
    else if (type === 'function_call_output') turns.push({ role: 'result', text: textOf(output) })
    else if (type === 'message' && (role === 'system' || role === 'developer')) system.push(textOf(given))
    else if (type === 'message') turns.push({ role: role === 'assistant' ? 'assistant' : 'user', text: textOf(given) })
  }
  return {
    system: system.join('\n'),
    turns,
    tools: (tools ?? []).flatMap((tool) => (tool.type === 'function' ? toolOf(tool.name, tool.parameters) : [])),
  }
}
