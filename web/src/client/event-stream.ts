export interface StreamMessage {
  /** `message` where the stream names none. */
  event: string
  id: string | null
  data: string
}

const messageOf = (block: string): StreamMessage | null => {
  const found: StreamMessage = { event: 'message', id: null, data: '' }
  const data: string[] = []
  for (const line of block.split('\n')) {
    const [, field, value] = /^(\w+): ?(.*)$/.exec(line) ?? []
    if (field === 'data') data.push(value ?? '')
    if (field === 'event') found.event = value ?? ''
    if (field === 'id') found.id = value ?? ''
  }
  return data.length > 0 ? { ...found, data: data.join('\n') } : null
}

/**
 * The messages of a stream of server-sent events (WHATWG HTML section 9.2, lines that end in LF), as many at once as
 * arrived together. Read by hand because an EventSource does not say why it was refused, and would ask for ever.
 */
export async function* messagesOf(response: Response): AsyncGenerator<StreamMessage[]> {
  if (!response.body) return
  let text = ''
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (text + piece).split('\n\n')
    text = blocks.pop() ?? ''
    const messages = blocks.map(messageOf).filter((message) => message !== null)
    if (messages.length > 0) yield messages
  }
}
