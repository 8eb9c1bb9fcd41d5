import { describe, expect, test } from 'vitest'
import type { WireFormat } from '../../../../api/gateway/models/wire/formats.ts'
import { serverSideRefusal } from '../../../../api/gateway/models/wire/server-side.ts'

const body = (part: unknown) => ({ model: 'default', messages: [{ role: 'user', content: [part] }] })
const reasonFor = (format: WireFormat, more: object) =>
  serverSideRefusal(format, { model: 'default', ...more })?.reason ?? null

describe('an address inside a content part is one that the provider would fetch: refused (L04)', () => {
  test.for([
    { type: 'image', image: 'http://evil.example/x.png' },
    { type: 'image', image: 'https://evil.example/x.png' },
    { type: 'image', image: 'HTTPS://evil.example/x.png' },
    { type: 'image', image: ' \n\thttps://evil.example/x.png' },
    { type: 'image', image: '\u0000https://evil.example/x.png' },
    { type: 'image', image: 'ht\ntps://evil.example/x.png' },
    { type: 'image', image: `ht${'\t'.repeat(100_000)}tps://evil.example/x.png` },
    { type: 'image', image: 'https:evil.example' },
    { type: 'image', image: '//evil.example/x.png' },
    { type: 'image', image: { url: 'https://evil.example' } },
    { type: 'image', image: ['https://evil.example'] },
    { type: 'image', images: ['data:image/png;base64,AA==', 'https://evil.example'] },
    { type: 'image', source: 'https://evil.example/x.png' },
    { type: 'image', source: { type: 'base64', url: 'https://evil.example' } },
    { type: 'file', url: 'ftp://evil.example/x' },
    { type: 'file', url: 'file:///etc/passwd' },
    { type: 'file', url: 'file:/etc/passwd' },
    { type: 'file', href: 's3://bucket/x' },
    { type: 'file', src: 'gs://bucket/x' },
    { type: 'file', file: 'https://evil.example/x.pdf' },
    { type: 'document', document: 'https://evil.example/x.pdf' },
    { type: 'video', video: 'https://evil.example/x.mp4' },
    { type: 'input_audio', audio: 'https://evil.example/x.wav' },
    { type: 'media', fileUri: 'gs://bucket/x' },
    { type: 'media', imageUrl: 'https://evil.example/x.png' },
    { type: 'media', URL: 'https://evil.example/x.png' },
    { type: 'tool_result', tool_use_id: 't', content: [{ type: 'image', image: 'https://evil.example' }] },
  ])('%j', (part) => {
    for (const format of ['chat', 'messages', 'responses'] as const) {
      expect(reasonFor(format, body(part))).toBe('server-side-refused')
      expect(reasonFor(format, { input: [{ role: 'user', content: [part] }] })).toBe('server-side-refused')
      expect(reasonFor(format, { system: [part] })).toBe('server-side-refused')
    }
  })

  test.for([
    ['of a message', { messages: [{ role: 'user', content: 'what is it?', images: ['https://evil.example/x.png'] }] }],
    ['of an input', { input: [{ type: 'input_image', image: 'https://evil.example/x.png' }] }],
    ['of a tool’s output', { input: [{ type: 'function_call_output', output: [{ url: 'https://evil.example' }] }] }],
    [
      'called arguments, outside of a call',
      { messages: [{ content: [{ type: 'image', input: { url: 'https://e.example' } }] }] },
    ],
  ] as const)('%s', ([_what, more]) => {
    expect(reasonFor('chat', more)).toBe('server-side-refused')
  })
})

describe('text and data that hold an address pass', () => {
  const address = 'https://docs.example/guide?x=1'
  test.for([
    ['text', body({ type: 'text', text: `read ${address}` })],
    ['text that is nothing but an address', body({ type: 'text', text: address })],
    ['a message that is one', { messages: [{ role: 'user', content: address }] }],
    ['input text', { input: [{ role: 'user', content: [{ type: 'input_text', text: address }] }] }],
    ['input', { input: address }],
    ['instructions', { instructions: address }],
    ['a system prompt', { system: [{ type: 'text', text: address }] }],
    ['an image as it is', body({ type: 'image', image: 'data:image/png;base64,AA==' })],
    ['an image in base64', body({ type: 'image', image: 'iVBORw0KGgo=' })],
    [
      'sound in base64, whose first letters look like a host',
      body({ type: 'input_audio', audio: '//uQxAAAAAAAAAAAAAAA/8BBCC' }),
    ],
    ['an image url as data', body({ type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } })],
    ['a source as base64', body({ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } })],
    [
      'words under such a key',
      body({ type: 'text', text: 'x', url: 'none', image: 'a picture: of a cat', src: 'main.ts:3' }),
    ],
    [
      'a search result of the client',
      body({ type: 'search_result', source: address, title: 't', content: [{ type: 'text', text: 'x' }] }),
    ],
    [
      'a citation',
      body({ type: 'text', text: 'x', citations: [{ type: 'web_search_result_location', url: address }] }),
    ],
    [
      'an annotation',
      {
        input: [
          {
            role: 'assistant',
            content: [{ type: 'output_text', text: 'x', annotations: [{ type: 'url_citation', url: address }] }],
          },
        ],
      },
    ],
    [
      'a tool call',
      body({ type: 'tool_use', id: 't', name: 'fetch', input: { url: address, image: address, src: [address] } }),
    ],
    ['a custom tool call', { input: [{ type: 'custom_tool_call', call_id: 'c', name: 'fetch', input: address }] }],
    [
      'a function call',
      { input: [{ type: 'function_call', call_id: 'c', name: 'f', arguments: JSON.stringify({ url: address }) }] },
    ],
    [
      'a function call of chat',
      {
        messages: [
          {
            role: 'assistant',
            tool_calls: [
              { id: 'c', type: 'function', function: { name: 'f', arguments: JSON.stringify({ url: address }) } },
            ],
          },
        ],
      },
    ],
    [
      'arguments that are an object',
      {
        messages: [
          {
            role: 'assistant',
            tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: { url: address } } }],
          },
        ],
      },
    ],
    ['a tool’s result as text', body({ type: 'tool_result', tool_use_id: 't', content: `{"url":"${address}"}` })],
    ['a function’s output as text', { input: [{ type: 'function_call_output', call_id: 'c', output: address }] }],
    [
      'a tool that takes an address',
      {
        tools: [
          { type: 'function', function: { name: 'f', parameters: { properties: { url: { default: address } } } } },
        ],
      },
    ],
  ] as const)('%s', ([_what, more]) => {
    expect(reasonFor('chat', more)).toBeNull()
  })
})
