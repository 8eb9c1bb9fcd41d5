import WebSocket from 'ws'
import { z } from 'zod'
import { serverFrame, ticket } from '../../../api/contract/terminal.ts'
import type { Session } from './session.ts'

/** A terminal as the browser sees it: binary messages are bytes, text messages are frames. */
export interface Terminal {
  /** Where the first byte of this connection stands. */
  readonly offset: number
  /** Everything that came on this connection. */
  output(): string
  send(text: string): void
  /** Resolves with everything up to the first match after `from` characters of output(). */
  until(pattern: RegExp, timeoutMs?: number, from?: number): Promise<string>
  /** Called for every message of bytes. */
  onBytes(listener: (bytes: Buffer) => void): void
  /** The frame that says that it is over; null while it is not. */
  exit(): z.infer<typeof serverFrame> | null
  close(): Promise<void>
}

export async function openTerminal(
  session: Session,
  sandbox: string,
  name: string,
  offset?: number,
): Promise<Terminal> {
  const path = `/sandboxes/${sandbox}/terminals/${name}`
  const asked = await session.call('POST', `${path}/ticket`)
  const { ticket: once } = ticket.parse(asked.body)
  const query = new URLSearchParams({
    ticket: once,
    cols: '80',
    rows: '24',
    ...(offset === undefined ? {} : { offset: `${offset}` }),
  })
  const url = `${session.url.replace(/^http/, 'ws')}/api/v1${path}?${query}`
  const socket = new WebSocket(url, { headers: { cookie: session.cookie, origin: new URL(session.url).origin } })
  let text = ''
  let over: z.infer<typeof serverFrame> | null = null
  const decoder = new TextDecoder()
  const listeners = new Set<() => void>()
  const taps = new Set<(bytes: Buffer) => void>()
  const ready = new Promise<number>((resolve, reject) => {
    socket.on('error', reject)
    socket.on('unexpected-response', (_request, response) =>
      reject(new Error(`the terminal answered ${response.statusCode}`)),
    )
    socket.on('close', (code, why) => reject(new Error(`the terminal closed: ${code} ${why}`)))
    socket.on('message', (data, isBinary) => {
      const bytes = z.instanceof(Buffer).parse(data)
      if (isBinary) {
        for (const tap of taps) tap(bytes)
        text += decoder.decode(bytes, { stream: true })
        for (const listener of listeners) listener()
        return
      }
      const frame = serverFrame.parse(JSON.parse(bytes.toString('utf8')))
      if (frame.type === 'ready') resolve(frame.offset)
      if (frame.type === 'exit') over = frame
      if (frame.type === 'error') reject(new Error(frame.message))
    })
  })
  const from = await ready
  return {
    offset: from,
    output: () => text,
    send: (line) => socket.send(Buffer.from(line)),
    until: (pattern, timeoutMs = 20_000, start = 0) =>
      new Promise((resolve, reject) => {
        const late = () =>
          reject(new Error(`The terminal never showed ${pattern}:\n${text.slice(start).slice(-4_000)}`))
        const timer = setTimeout(late, timeoutMs)
        const look = () => {
          if (!pattern.test(text.slice(start))) return
          clearTimeout(timer)
          listeners.delete(look)
          resolve(text.slice(start))
        }
        listeners.add(look)
        look()
      }),
    exit: () => over,
    onBytes: (listener) => taps.add(listener),
    close: () =>
      new Promise((resolve) => {
        socket.on('close', () => resolve())
        socket.close()
      }),
  }
}
