import { describe, expect, test } from 'vitest'
import { createDemo } from '../../../../api/gateway/models/demo/answer.ts'
import { readRequest } from '../../../../api/gateway/models/wire/body.ts'
import type { WireFormat } from '../../../../api/gateway/models/wire/formats.ts'
import { MAX_VALUES } from '../../../../api/gateway/models/wire/scan-keys.ts'
import { serverSideRefusal } from '../../../../api/gateway/models/wire/server-side.ts'

const MIB = 1_048_576
/** Each takes some 10 to 100 ms; what these bounds are there to find took seconds to minutes. */
const BOUND_MS = 1_500
const demo = createDemo()

const list = (count: number, item: string) => Array.from({ length: count }, () => item).join(',')
const fields = (count: number, end: string, value: string) =>
  Array.from({ length: count }, (_, at) => `"k${at}${end}":${value}`).join(',')
const asking = (content: string, more = '') =>
  `{"model":"default"${more},"messages":[{"role":"user","content":"${content}"}]}`
const TOOL = ',"tools":[{"type":"function","function":{"name":"bash","parameters":{"properties":{"command":{}}}}}]'

/** Everything synchronous that a request goes through before it is sent on, in ms; the best of three, as others use the machine too. */
async function costOf(text: string, format: WireFormat): Promise<number> {
  const bytes = Buffer.from(text)
  const times: number[] = []
  for (let time = 0; time < 3; time++) {
    const startedAt = performance.now()
    const read = readRequest(bytes)
    if (!('status' in read) && !serverSideRefusal(format, read.body))
      await demo.answer(format, read.body, new AbortController().signal, text.length)
    times.push(performance.now() - startedAt)
  }
  return Math.min(...times)
}

describe('no request holds the thread of all sandboxes for long', () => {
  test.for([
    ['empty objects', `{"model":"default","messages":[${list(24_900, '{}')}]}`],
    ['numbers', `{"model":"default","messages":[${list(49_900, '1')}]}`],
    ['messages', `{"model":"default","messages":[${list(12_000, '{"role":"user","content":"x"}')}]}`],
    [
      'parts',
      `{"model":"default","messages":[${list(8_000, '{"role":"user","content":[{"type":"text","text":"x"}]}')}]}`,
    ],
    ['tools', `{"model":"default","messages":[],"tools":[${list(16_000, '{"type":"function"}')}]}`],
    ['wrong tools', `{"model":"default","messages":[],"tools":[${list(49_000, '1')}]}`],
    ['fields', `{"model":"default","messages":[{${fields(49_000, '_url', '"data:"')}}]}`],
    ['addresses', `{"model":"default","messages":[{${fields(20_000, '_url', '{"url":"data:"}')}}]}`],
    ['sources', `{"model":"default","messages":[${list(16_000, '{"source":{"type":"text"}}')}]}`],
    ['spaces', `{"model":"default","messages":[]${' '.repeat(31 * MIB)}}`],
    ['text', asking('x'.repeat(31 * MIB))],
    ['reminders without an end', asking('<system-reminder>'.repeat(60_000))],
    ['a folder after a million spaces', asking(`build <cwd>${' '.repeat(1_000_000)}`, TOOL)],
    [
      'titles without an end',
      asking('change the title to x', TOOL).replace(
        ']}',
        `,{"role":"tool","content":"--accent: #aabbcc ${'<title>'.repeat(140_000)}"}]}`,
      ),
    ],
    ['an address of a million characters', asking(`fetch http://${'a'.repeat(1_000_000)}`, TOOL)],
  ] as const)('%s', async ([_what, text]) => {
    for (const format of ['chat', 'messages', 'responses'] as const)
      expect(await costOf(text, format)).toBeLessThan(BOUND_MS)
  })
})

describe('how many values a request may hold', () => {
  const withValues = (count: number) => `{"model":"default","x":[${list(count, '1')}]}`
  test.for([
    ['as many as the limit', withValues(MAX_VALUES - 2), null],
    ['one more', withValues(MAX_VALUES - 1), 'body-too-many-values'],
    ['millions of empty objects', `{"model":"default","x":[${'{},'.repeat(1_000_000)}{}]}`, 'body-too-many-values'],
    [
      'millions of empty lists, never closed',
      `{"model":"default","x":[${'[],'.repeat(1_000_000)}`,
      'body-too-many-values',
    ],
    ['nothing but commas', ','.repeat(1_000_000), 'body-too-many-values'],
    ['nothing but spaces', ' '.repeat(5 * MIB), 'body-too-many-values'],
    ['commas and brackets within text', asking(',[{'.repeat(1_000_000)), null],
    ['text with escaped quotes', asking('\\",{\\\\'.repeat(1_000_000)), null],
  ] as const)('%s', ([_what, text, reason]) => {
    const read = readRequest(Buffer.from(text))
    expect('status' in read ? [read.status, read.reason] : null).toEqual(reason && [413, reason])
  })

  test("an agent's long session passes: 2 MB, 2000 messages, 100 tools", () => {
    const text = 'const answer = "42"; // {[,]}\n'.repeat(30)
    const messages = Array.from({ length: 1_000 }, (_, at) => [
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: `c${at}`, type: 'function', function: { name: 'bash', arguments: JSON.stringify({ command: text }) } },
        ],
      },
      { role: 'tool', tool_call_id: `c${at}`, content: [{ type: 'text', text }] },
    ]).flat()
    const properties = Object.fromEntries(
      Array.from({ length: 20 }, (_, at) => [
        `p${at}`,
        { type: 'string', description: 'What it is for.', enum: ['a', 'b'] },
      ]),
    )
    const tools = Array.from({ length: 100 }, (_, at) => ({
      type: 'function',
      function: { name: `tool_${at}`, description: 'd', parameters: { type: 'object', properties, required: ['p0'] } },
    }))
    const bytes = Buffer.from(JSON.stringify({ model: 'backlot/default', stream: true, messages, tools }))
    expect(bytes.length).toBeGreaterThan(2_000_000)
    expect(readRequest(bytes)).not.toHaveProperty('status')
  })
})

test('the demo says that a conversation is too long for it', async () => {
  const answer = await demo.answer('chat', { model: 'default', messages: [] }, new AbortController().signal, MIB + 1)
  expect(answer.status).toBe(413)
})
