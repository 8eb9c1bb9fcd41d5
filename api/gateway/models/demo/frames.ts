import type { WireFormat } from '../wire/formats.ts'
import type { Reply } from './script.ts'

export interface Spoken {
  /** Unique for the question: the same question always gets the same. */
  id: string
  /** Of the tool call, if there is one. */
  callId: string
  model: string
  reply: Reply
  usage: { input: number; output: number }
  /** A chat client asked for token counts on its stream. */
  countStream: boolean
}

/** The whole answer as one JSON value of the format. */
export function wholeAnswer(format: WireFormat, spoken: Spoken): unknown {
  const { id, model, reply, usage } = spoken
  if (format === 'messages') {
    const stop_reason = reply.call ? 'tool_use' : 'end_turn'
    const counted = { input_tokens: usage.input, output_tokens: usage.output }
    return {
      id: `msg_${id}`,
      type: 'message',
      role: 'assistant',
      model,
      content: blocks(spoken),
      stop_reason,
      stop_sequence: null,
      usage: counted,
    }
  }
  if (format === 'responses') return response(spoken, 'completed', items(spoken))
  const message = {
    role: 'assistant',
    content: reply.text || null,
    ...(reply.call ? { tool_calls: [toolCall(spoken)] } : {}),
  }
  const choices = [{ index: 0, message, finish_reason: reply.call ? 'tool_calls' : 'stop' }]
  return { id: `chatcmpl-${id}`, object: 'chat.completion', created: 0, model, choices, usage: chatUsage(spoken) }
}

/** The answer as server-sent events, in the order in which the provider of that format sends them. */
export function streamedAnswer(format: WireFormat, spoken: Spoken): string[] {
  if (format === 'messages') return messagesFrames(spoken)
  return format === 'responses' ? responsesFrames(spoken) : chatFrames(spoken)
}

const event = (type: string, data: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`
const pieces = (text: string): string[] => text.match(/[\s\S]{1,24}/g) ?? []
const argumentsOf = ({ reply }: Spoken) => JSON.stringify(reply.call?.input ?? {})
const chatUsage = ({ usage: { input, output } }: Spoken) => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
})
const toolCall = (spoken: Spoken) => ({
  id: spoken.callId,
  type: 'function',
  function: { name: spoken.reply.call?.name ?? '', arguments: argumentsOf(spoken) },
})

function chatFrames(spoken: Spoken): string[] {
  const { id, model, reply, countStream } = spoken
  const chunk = (choices: object[], usage?: object) =>
    `data: ${JSON.stringify({ id: `chatcmpl-${id}`, object: 'chat.completion.chunk', created: 0, model, choices, ...(usage ? { usage } : {}) })}\n\n`
  const delta = (given: object, finish_reason: string | null = null) =>
    chunk([{ index: 0, delta: given, finish_reason }])
  const frames = [delta({ role: 'assistant', content: '' }), ...pieces(reply.text).map((content) => delta({ content }))]
  if (reply.call) {
    const { id: callId, type, function: called } = toolCall(spoken)
    frames.push(delta({ tool_calls: [{ index: 0, id: callId, type, function: { name: called.name, arguments: '' } }] }))
    for (const part of pieces(called.arguments))
      frames.push(delta({ tool_calls: [{ index: 0, function: { arguments: part } }] }))
  }
  frames.push(delta({}, reply.call ? 'tool_calls' : 'stop'))
  if (countStream) frames.push(chunk([], chatUsage(spoken)))
  return [...frames, 'data: [DONE]\n\n']
}

function blocks(spoken: Spoken): object[] {
  const { reply, callId } = spoken
  const text = reply.text || !reply.call ? [{ type: 'text', text: reply.text }] : []
  return reply.call ? [...text, { type: 'tool_use', id: callId, name: reply.call.name, input: reply.call.input }] : text
}

function messagesFrames(spoken: Spoken): string[] {
  const { id, model, reply, usage } = spoken
  const start = {
    id: `msg_${id}`,
    type: 'message',
    role: 'assistant',
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
  }
  const frames = [
    event('message_start', { message: { ...start, usage: { input_tokens: usage.input, output_tokens: 1 } } }),
  ]
  let index = 0
  if (reply.text || !reply.call) {
    frames.push(event('content_block_start', { index, content_block: { type: 'text', text: '' } }))
    for (const text of pieces(reply.text))
      frames.push(event('content_block_delta', { index, delta: { type: 'text_delta', text } }))
    frames.push(event('content_block_stop', { index }))
    index++
  }
  if (reply.call) {
    const content_block = { type: 'tool_use', id: spoken.callId, name: reply.call.name, input: {} }
    frames.push(event('content_block_start', { index, content_block }))
    for (const partial_json of pieces(argumentsOf(spoken)))
      frames.push(event('content_block_delta', { index, delta: { type: 'input_json_delta', partial_json } }))
    frames.push(event('content_block_stop', { index }))
  }
  const delta = { stop_reason: reply.call ? 'tool_use' : 'end_turn', stop_sequence: null }
  return [
    ...frames,
    event('message_delta', { delta, usage: { output_tokens: usage.output } }),
    event('message_stop', {}),
  ]
}

interface Item {
  id: string
  type: string
  [field: string]: unknown
}

function items(spoken: Spoken): Item[] {
  const { id, reply } = spoken
  const content = [{ type: 'output_text', text: reply.text, annotations: [] }]
  const message = { id: `msg_${id}`, type: 'message', status: 'completed', role: 'assistant', content }
  const text = reply.text || !reply.call ? [message] : []
  if (!reply.call) return text
  const { function: called } = toolCall(spoken)
  return [...text, { id: `fc_${id}`, type: 'function_call', status: 'completed', call_id: spoken.callId, ...called }]
}

const response = (spoken: Spoken, status: string, output: Item[]) => ({
  id: `resp_${spoken.id}`,
  object: 'response',
  created_at: 0,
  status,
  model: spoken.model,
  output,
  error: null,
  incomplete_details: null,
  usage:
    status === 'completed'
      ? {
          input_tokens: spoken.usage.input,
          input_tokens_details: { cached_tokens: 0 },
          output_tokens: spoken.usage.output,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens: spoken.usage.input + spoken.usage.output,
        }
      : null,
})

function responsesFrames(spoken: Spoken): string[] {
  const { reply } = spoken
  const frames: string[] = []
  const add = (type: string, data: object) => frames.push(event(type, { sequence_number: frames.length, ...data }))
  add('response.created', { response: response(spoken, 'in_progress', []) })
  add('response.in_progress', { response: response(spoken, 'in_progress', []) })
  for (const [output_index, item] of items(spoken).entries()) {
    const at = { item_id: item.id, output_index }
    const opened = {
      ...item,
      status: 'in_progress',
      ...(item.type === 'message' ? { content: [] } : { arguments: '' }),
    }
    add('response.output_item.added', { output_index, item: opened })
    if (item.type === 'message') {
      const part = { type: 'output_text', text: reply.text, annotations: [] }
      add('response.content_part.added', { ...at, content_index: 0, part: { ...part, text: '' } })
      for (const delta of pieces(reply.text)) add('response.output_text.delta', { ...at, content_index: 0, delta })
      add('response.output_text.done', { ...at, content_index: 0, text: reply.text })
      add('response.content_part.done', { ...at, content_index: 0, part })
    } else {
      for (const delta of pieces(argumentsOf(spoken))) add('response.function_call_arguments.delta', { ...at, delta })
      add('response.function_call_arguments.done', { ...at, arguments: argumentsOf(spoken) })
    }
    add('response.output_item.done', { output_index, item })
  }
  add('response.completed', { response: response(spoken, 'completed', items(spoken)) })
  return frames
}
