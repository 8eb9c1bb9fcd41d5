/** The server of a state: nothing leaves the page. */
import { statusOf } from '../../api/contract/errors.ts'
import type { Answer, Answers } from './state.ts'

/** Rejects as fetch does when the asker gives up; the answer itself never comes. */
const nothingComes = (signal: AbortSignal | null | undefined) =>
  new Promise<never>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))

const endless = (text: string) =>
  new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode(text)) })

function respond(answer: Answer, signal: AbortSignal | null | undefined): Promise<Response> | Response {
  switch (answer.is) {
    case 'json':
      return Response.json(answer.body)
    case 'failure': {
      const { code, message } = answer
      return Response.json({ error: { code, message, requestId: 'request-1' } }, { status: statusOf[code] })
    }
    case 'stream':
      return new Response(endless(answer.text), { headers: { 'content-type': 'text/event-stream' } })
    case 'never':
      return nothingComes(signal)
    case 'offline':
      throw new TypeError('Failed to fetch')
  }
}

/** A fetch that knows the answers of one state; what has none is an error of the state's file, and is said. */
export const fetchFrom =
  (answers: Answers): typeof fetch =>
  async (input, init) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input, window.location.href)
    const asked = `${init?.method ?? 'GET'} ${pathname.replace('/api/v1', '')}`
    const answer = answers[asked]
    if (answer) return respond(answer, init?.signal)
    console.error(`This state has no answer for: ${asked}`)
    return respond({ is: 'offline' }, init?.signal)
  }

/** A WebSocket that says what the state gives it, and takes whatever is typed. */
export const socketFrom = (said: readonly (string | object)[]) =>
  class extends EventTarget {
    static readonly CONNECTING = 0
    static readonly OPEN = 1
    static readonly CLOSING = 2
    static readonly CLOSED = 3
    readonly bufferedAmount = 0
    binaryType = 'arraybuffer'
    readyState = 1
    onmessage: ((event: { data: unknown }) => void) | null = null
    onclose: (() => void) | null = null

    constructor() {
      super()
      window.setTimeout(() => {
        for (const one of said) {
          const data = typeof one === 'string' ? new TextEncoder().encode(one).buffer : JSON.stringify(one)
          this.onmessage?.({ data })
        }
      })
    }
    send() {}
    close() {
      if (this.readyState === 3) return
      this.readyState = 3
      window.setTimeout(() => this.onclose?.())
    }
  }
