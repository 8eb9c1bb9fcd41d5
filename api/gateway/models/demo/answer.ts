import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { DEMO_MODEL } from '../../../contract/models.ts'
import type { UpstreamAnswer } from '../provider/upstream.ts'
import type { RequestBody } from '../wire/body.ts'
import { errorBody, failure, type WireFormat } from '../wire/formats.ts'
import { readConversation } from './conversation.ts'
import { type Spoken, streamedAnswer, wholeAnswer } from './frames.ts'
import { nextReply } from './script.ts'

const streamOptions = z.looseObject({ include_usage: z.boolean().catch(false) }).catch({ include_usage: false })
/** What a token is said to be: the usual rule of thumb for English. */
const CHARACTERS_PER_TOKEN = 4

/** A session with a script never gets this long, and reading it would take the time of all sandboxes. */
const MAX_CHARACTERS = 1_048_576

export interface Demo {
  /** @param characters how long the request is as text */
  answer(format: WireFormat, body: RequestBody, signal: AbortSignal, characters?: number): Promise<UpstreamAnswer>
}

/**
 * The built-in provider: a script in the three wire formats, so that a first start shows the whole flow without a key and
 * tests can drive real agents. The same request always gets the same bytes. It says in every answer that it is no model.
 */
export function createDemo({ pieceDelayMs = 0 }: { pieceDelayMs?: number } = {}): Demo {
  return {
    async answer(format, body, signal, characters = 0) {
      if (characters > MAX_CHARACTERS) return json(413, errorBody(format, failure(413, 'demo-too-large', TOO_LARGE)))
      const spoken = speak(format, body)
      if (!spoken) return json(400, errorBody(format, failure(400, 'demo-unreadable', UNREADABLE)))
      if (!body.stream) return json(200, JSON.stringify(wholeAnswer(format, spoken)))
      const frames = streamedAnswer(format, spoken)
      return {
        status: 200,
        headers: { 'content-type': 'text/event-stream; charset=utf-8' },
        body: Readable.from(spaced(frames, pieceDelayMs, signal)),
      }
    },
  }
}
const TOO_LARGE =
  'The demo model reads 1 MiB at most. Start a new session, or ask your admin to enter a model under Models.'
const UNREADABLE = 'The demo model could not read this conversation. It knows text, tool calls and tool results.'

function speak(format: WireFormat, body: RequestBody): Spoken | null {
  const text = JSON.stringify(body)
  try {
    const conversation = readConversation(format, body)
    const reply = nextReply(conversation)
    const calls = conversation.turns.filter((turn) => turn.role === 'call').length
    const answer = reply.text + JSON.stringify(reply.call ?? '')
    return {
      id: `demo${createHash('sha256').update(text).digest('hex').slice(0, 20)}`,
      callId: `call_demo_${calls + 1}`,
      model: DEMO_MODEL,
      reply,
      usage: {
        input: Math.ceil(text.length / CHARACTERS_PER_TOKEN),
        output: Math.ceil(answer.length / CHARACTERS_PER_TOKEN),
      },
      countStream: streamOptions.parse(body.stream_options).include_usage,
    }
  } catch (error) {
    if (error instanceof z.ZodError) return null
    throw error
  }
}

const json = (status: number, body: string): UpstreamAnswer => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: Readable.from([Buffer.from(body)]),
})

async function* spaced(frames: string[], delayMs: number, signal: AbortSignal): AsyncGenerator<Buffer> {
  for (const frame of frames) {
    if (delayMs > 0) await wait(delayMs, undefined, { signal })
    yield Buffer.from(frame)
  }
}
