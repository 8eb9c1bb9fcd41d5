import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createDemo } from '../../../../api/gateway/models/demo/answer.ts'
import type { Conversation, Tool, Turn } from '../../../../api/gateway/models/demo/conversation.ts'
import { nextReply } from '../../../../api/gateway/models/demo/script.ts'
import type { RequestBody } from '../../../../api/gateway/models/wire/body.ts'
import type { WireFormat } from '../../../../api/gateway/models/wire/formats.ts'

const tool = (name: string, parameters: string[], lists: string[] = []): Tool => ({
  name,
  parameters: new Set(parameters),
  lists: new Set(lists),
})
/** What coding agents offer, each in its own words. */
const AGENTS: Record<string, Tool[]> = {
  OpenCode: [
    tool('bash', ['command', 'description', 'timeout']),
    tool('read', ['filePath', 'offset']),
    tool('write', ['filePath', 'content']),
    tool('edit', ['filePath', 'oldString', 'newString', 'replaceAll']),
  ],
  'Claude Code': [
    tool('Bash', ['command', 'description']),
    tool('Read', ['file_path']),
    tool('Write', ['file_path', 'content']),
    tool('Edit', ['file_path', 'old_string', 'new_string']),
  ],
  'Gemini CLI': [
    tool('run_shell_command', ['command']),
    tool('read_file', ['absolute_path']),
    tool('write_file', ['file_path', 'content']),
    tool('replace', ['file_path', 'old_string', 'new_string']),
  ],
  Codex: [tool('shell', ['command', 'workdir'], ['command'])],
  'a newer Codex': [tool('exec_command', ['cmd', 'yield_time_ms'])],
}

const input = z.record(z.string(), z.union([z.string(), z.array(z.string())]))

/** Plays the agent: carries out what the demo asks for on one file, until the demo only talks. `refuse` stands for the gateway. */
function session(tools: Tool[], refuse: string | null = null) {
  const turns: Turn[] = []
  const world = { page: null as string | null, wasRead: false }

  function carryOut(values: Record<string, string | string[]>): string {
    const command = [values.command ?? values.cmd ?? ''].flat().at(-1) ?? ''
    if (command !== '') return shell(command)
    const before = values.oldString ?? values.old_string
    const after = values.newString ?? values.new_string
    if (typeof before === 'string' && typeof after === 'string') {
      if (!world.page?.includes(before)) return 'Error: oldString not found in content'
      world.page = world.page.replace(before, after)
      return 'Edit applied successfully.'
    }
    if (typeof values.content === 'string') {
      if (world.page !== null && !world.wasRead) return 'Error: You must read the file before overwriting it'
      world.page = values.content
      world.wasRead = true
      return 'Wrote file successfully.'
    }
    world.wasRead = true
    return world.page?.replace(/^/gm, '00001| ') ?? 'Error: File not found'
  }
  function shell(command: string): string {
    if (refuse && command.startsWith('curl')) return refuse
    const written = command.match(/<<'BACKLOT_DEMO'\n([\s\S]*)BACKLOT_DEMO/)?.[1]
    if (written) world.page = written
    for (const [, from = '', to = ''] of command.matchAll(/s\|(.*?)\|(.*?)\|'/g))
      world.page = world.page?.replace(from.replace(/\\(.)/g, '$1'), to.replace(/\\(.)/g, '$1')) ?? null
    return command.startsWith('cat ') && !written ? (world.page ?? 'cat: No such file or directory') : ''
  }

  return {
    world,
    say(asked: string): { text: string; steps: number } {
      turns.push({ role: 'user', text: asked })
      for (let steps = 0; steps < 12; steps++) {
        const reply = nextReply({ system: 'Working directory: /workspace/app', tools, turns })
        if (reply.text) turns.push({ role: 'assistant', text: reply.text })
        if (!reply.call) return { text: reply.text, steps }
        turns.push({ role: 'call', name: reply.call.name, input: JSON.stringify(reply.call.input) })
        turns.push({ role: 'result', text: carryOut(input.parse(reply.call.input)) })
      }
      throw new Error('the demo does not come to an end')
    },
  }
}

describe.for(Object.entries(AGENTS))('a building session with %s', ([_agent, tools]) => {
  test('builds a page, changes its colour and its title, and builds another', () => {
    const { say, world } = session(tools)
    expect(say('Build me a small counter page, please.').text).toMatch(
      /^Demo model: scripted.*wrote a counter.*\/workspace\/app\/index\.html.*make the button green/,
    )
    expect(world.page).toMatch(/^<!doctype html>[\s\S]*--accent: #e09a1b[\s\S]*<button id="add">[\s\S]*<\/html>\n$/)
    expect(say('make the button green').text).toContain('the colour is green now')
    expect(world.page).toContain('--accent: #2e9e5b')
    expect(say('change the title to "Lunch & <b>vote</b>"').text).toContain('Lunch & <b>vote</b>')
    expect(world.page).toContain('<h1>Lunch &#38; &#60;b&#62;vote&#60;/b&#62;</h1>')
    expect(world.page).toContain('<title>Lunch &#38;')
    expect(world.page).toContain('--accent: #2e9e5b')
    expect(say('make the button green').text).toContain('green')
    expect(say('build a to-do list called "Friday"').text).toContain('to-do list')
    expect(world.page).toMatch(/<h1>Friday<\/h1>[\s\S]*<ul id="list">/)
  })
  test('has nothing to change where nothing was built', () => {
    expect(session(tools).say('make the button green').text).toContain('build a counter')
  })
  test.for([
    'HTTP/1.1 403 Forbidden\r\nx-backlot-reason: no-rule\r\n\r\ncurl: (56) CONNECT tunnel failed, response 403',
    'Backlot refused example.com:443: no rule of your policy names it. Ask your admin to allow it.',
  ])('explains a refusal: %j', (refusal) => {
    const { say } = session(tools, refusal)
    const { text, steps } = say('fetch https://example.com and show me the title')
    expect(text).toMatch(/Backlot refused this.*policy.*Nothing was sent.*ask your admin/)
    expect(steps).toBe(1)
  })
})

describe('aside', () => {
  const asked = (text: string, system = '', tools: Tool[] = []): Conversation => ({
    system,
    tools,
    turns: [{ role: 'user', text }],
  })
  test('a title for the session is short', () => {
    const { text, call } = nextReply(
      asked('build a counter for the lunch vote, please, in blue', 'You are a title generator.'),
    )
    expect([text, call]).toEqual(['Demo: build a counter for the lunch', null])
  })
  test('what it does not know it says, and what it can', () => {
    expect(nextReply(asked('what is love?', '', AGENTS.OpenCode)).text).toMatch(/no real model.*build a counter/)
    expect(nextReply(asked('what is love?')).text).toMatch(/no real model.*build a counter/)
  })
  test('a client without tools that write is told', () => {
    expect(nextReply(asked('build a page', '', [tool('search', ['query'])])).text).toContain(
      'needs a tool'.replace('needs', 'need'),
    )
  })
  test('a tool that never works is not tried for ever', () => {
    const turns: Turn[] = [{ role: 'user', text: 'build a page' }]
    for (let index = 0; index < 20; index++) {
      const { call, text } = nextReply({ system: '', tools: AGENTS.OpenCode ?? [], turns })
      if (!call) return expect(text).toContain('did not work')
      turns.push({ role: 'call', name: call.name, input: '' }, { role: 'result', text: 'Error: must read, failed' })
    }
    throw new Error('it was')
  })
})

const parameters = { type: 'object', properties: { filePath: { type: 'string' }, content: { type: 'string' } } }
const BODIES: Record<WireFormat, RequestBody> = {
  chat: {
    model: 'default',
    stream_options: { include_usage: true },
    messages: [{ role: 'user', content: 'build a counter' }],
    tools: [{ type: 'function', function: { name: 'write', parameters } }],
  },
  messages: {
    model: 'default',
    messages: [{ role: 'user', content: [{ type: 'text', text: 'build a counter' }] }],
    tools: [{ name: 'write', input_schema: parameters }],
  },
  responses: {
    model: 'default',
    input: [{ role: 'user', content: [{ type: 'input_text', text: 'build a counter' }] }],
    tools: [{ type: 'function', name: 'write', parameters }],
  },
}

describe.for(['chat', 'messages', 'responses'] as const)('%s', (format) => {
  const ask = async (body: RequestBody) => {
    const answer = await createDemo().answer(format, body, new AbortController().signal)
    return { ...answer, text: await text(answer.body) }
  }
  test('the same request gets the same bytes', async () => {
    for (const stream of [true, false])
      expect((await ask({ ...BODIES[format], stream })).text).toBe((await ask({ ...BODIES[format], stream })).text)
  })
  test('the stream says what the whole answer says', async () => {
    const whole = (await ask(BODIES[format])).text
    const streamed = await ask({ ...BODIES[format], stream: true })
    expect(streamed.headers['content-type']).toContain('text/event-stream')
    const data = streamed.text.split('\n\n').flatMap((frame) => frame.match(/^data: (\{.*)$/m)?.[1] ?? [])
    const joined = data.map((line) => pieces.parse(JSON.parse(line)))
    expect(whole).toContain(JSON.stringify(joined.map(({ said }) => said).join('')).slice(1, -1))
    expect(
      z
        .object({ filePath: z.string(), content: z.string() })
        .parse(JSON.parse(joined.map(({ called }) => called).join(''))),
    ).toMatchObject({
      filePath: '/workspace/index.html',
      content: expect.stringContaining('<output id="count">'),
    })
    expect(streamed.text).toMatch(/"(completion_tokens|output_tokens)":[1-9]/)
    expect(whole).toMatch(/"(completion_tokens|output_tokens)":[1-9]/)
  })
  test('a body that is not of this format is refused, not crashed on', async () => {
    for (const body of [
      { model: 'default' },
      { model: 'default', messages: 7, input: 7 },
      { model: 'default', messages: [null], input: [null] },
    ])
      expect((await ask(body)).status).toBe(400)
  })
})

/** The two kinds of text in a frame of any format. */
const pieces = z.looseObject({}).transform((frame) => {
  const chat = z
    .looseObject({
      choices: z.array(
        z.looseObject({
          delta: z.looseObject({
            content: z.string().default(''),
            tool_calls: z.array(z.looseObject({ function: z.looseObject({ arguments: z.string() }) })).default([]),
          }),
        }),
      ),
    })
    .safeParse(frame)
  if (chat.success) {
    const delta = chat.data.choices[0]?.delta
    return { said: delta?.content ?? '', called: delta?.tool_calls[0]?.function.arguments ?? '' }
  }
  const block = z
    .looseObject({ delta: z.looseObject({ text: z.string().default(''), partial_json: z.string().default('') }) })
    .safeParse(frame)
  if (block.success) return { said: block.data.delta.text, called: block.data.delta.partial_json }
  const item = z.looseObject({ type: z.string(), delta: z.string() }).safeParse(frame)
  if (!item.success) return { said: '', called: '' }
  const isText = item.data.type === 'response.output_text.delta'
  return { said: isText ? item.data.delta : '', called: isText ? '' : item.data.delta }
})
