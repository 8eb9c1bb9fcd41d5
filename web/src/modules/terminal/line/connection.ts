import { z } from 'zod'
import { type ClientFrame, MAX_CLIENT_MESSAGE_BYTES, serverFrame } from '../../../../../api/contract/terminal.ts'
import { isOffline, messageOf, RequestFailed } from '../../../client/request.ts'
import { terminalAddress, terminalTicket } from '../../../client/terminals.ts'
import { createFlow } from './flow.ts'

export type LinkState =
  | { is: 'connecting' }
  | { is: 'open' }
  /** The line is gone; the next try comes by itself. */
  | { is: 'waiting'; why: string }
  | { is: 'ended'; exitCode: number | null }
  /** No use in trying again: there is no such terminal for this person. */
  | { is: 'refused'; why: string }

interface Screen {
  /** Calls `shown` when the bytes are on the screen. `from` is the offset of the first. */
  write: (bytes: Uint8Array, from: number, shown: () => void) => void
  /** Output before the offset is not known here any more: the screen starts afresh. */
  reset: () => void
  size: () => { cols: number; rows: number }
}

const LONGEST_WAIT_MS = 5000
/** Input waits while more than this is unsent. */
const UNSENT_BYTES = 256 * 1024
const refusals: readonly string[] = ['not_found', 'unauthenticated', 'invalid_request']

/**
 * Keeps one terminal connected for ever: a ticket, a WebSocket, and after each loss the output from where it stopped.
 * Input typed while there is no line is not kept.
 */
export const createLink = (sandbox: string, name: string, screen: Screen, onState: (state: LinkState) => void) => {
  const flow = createFlow()
  const encoder = new TextEncoder()
  let socket: WebSocket | null = null
  let offset = 0
  let tries = 0
  let timer = 0
  let closed = false
  let choking = false
  let unsent: Uint8Array[] = []
  let said: string | null = null

  const later = (why: string) => {
    if (closed) return
    onState({ is: 'waiting', why })
    timer = window.setTimeout(connect, Math.min(250 * 2 ** tries++, LONGEST_WAIT_MS))
  }
  const end = (state: LinkState) => {
    closed = true
    onState(state)
    socket?.close()
  }
  const send = (frame: ClientFrame) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame))
  }
  const drain = () => {
    window.clearTimeout(timer)
    if (socket?.readyState !== WebSocket.OPEN) {
      unsent = []
      return
    }
    while (unsent.length > 0 && socket.bufferedAmount < UNSENT_BYTES) {
      const next = unsent.shift()
      if (next) socket.send(new Uint8Array(next))
    }
    if (unsent.length > 0) timer = window.setTimeout(drain, 20)
  }
  const take = (bytes: Uint8Array) => {
    const from = offset
    offset += bytes.byteLength
    flow.arrived(bytes.byteLength)
    screen.write(bytes, from, () => {
      flow.shown(bytes.byteLength)
      if (!choking || !flow.caughtUp()) return
      choking = false
      void connect()
    })
    if (!flow.tooMuch() || choking) return
    choking = true
    socket?.close()
  }
  const read = (data: unknown) => {
    if (data instanceof ArrayBuffer) return take(new Uint8Array(data))
    const frame = serverFrame.parse(z.json().parse(JSON.parse(String(data))))
    if (frame.type === 'exit') return end({ is: 'ended', exitCode: frame.exitCode })
    if (frame.type === 'error') {
      said = frame.message
      return
    }
    if (frame.offset !== offset) {
      screen.reset()
      offset = frame.offset
    }
    tries = 0
    said = null
    onState({ is: 'open' })
    send({ type: 'resize', ...screen.size() })
  }

  async function connect(): Promise<void> {
    if (closed) return
    onState({ is: 'connecting' })
    try {
      const { ticket } = await terminalTicket(sandbox, name)
      if (closed) return
      const opened = new WebSocket(
        terminalAddress(sandbox, name, { ticket, ...(offset > 0 ? { offset } : {}), ...screen.size() }),
      )
      opened.binaryType = 'arraybuffer'
      socket = opened
      opened.onmessage = (message) => {
        try {
          if (socket === opened && !choking) read(message.data)
        } catch {
          opened.close()
        }
      }
      opened.onclose = () => {
        if (socket === opened && !choking) later(said ?? 'The line was lost.')
      }
    } catch (error) {
      if (error instanceof RequestFailed && refusals.includes(error.code)) end({ is: 'refused', why: error.message })
      else if (isOffline(error)) later('Backlot cannot be reached.')
      else later(messageOf(error))
    }
  }
  void connect()

  return {
    /** Text as typed or pasted; sent in pieces that the server takes, no faster than the line carries them. */
    input: (text: string) => {
      const bytes = encoder.encode(text)
      for (let at = 0; at < bytes.length; at += MAX_CLIENT_MESSAGE_BYTES) {
        unsent.push(bytes.subarray(at, at + MAX_CLIENT_MESSAGE_BYTES))
      }
      drain()
    },
    resize: (size: { cols: number; rows: number }) => send({ type: 'resize', ...size }),
    /** Tries at once instead of waiting. */
    retry: () => {
      window.clearTimeout(timer)
      tries = 0
      void connect()
    },
    close: () => {
      closed = true
      window.clearTimeout(timer)
      socket?.close()
    },
  }
}
export type Link = ReturnType<typeof createLink>
