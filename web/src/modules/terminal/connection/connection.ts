import { z } from 'zod'
import { type ClientFrame, serverFrame } from '../../../../../api/contract/terminal.ts'
import { dialTerminal, whyNot } from './dial.ts'
import { createIntake, type Screen } from './intake.ts'
import { createOutbox } from './outbox.ts'

export type ConnectionState =
  | { is: 'connecting' }
  | { is: 'open' }
  /** The connection is gone; the next try comes by itself. */
  | { is: 'waiting'; why: string }
  /** `why`: it was ended from outside. */
  | { is: 'ended'; exitCode: number | null; why: string | null }
  /** No use in trying again: there is no such terminal for this person. */
  | { is: 'refused'; why: string }

const LONGEST_WAIT_MS = 5000

/**
 * Keeps one terminal connected for ever: a ticket, a WebSocket, and after each loss the output from where it stopped.
 *
 * Longer than 60 lines: its parts are what one socket's life is made of, and each changes what the others may do next.
 */
export const createConnection = (
  sandbox: string,
  name: string,
  screen: Screen,
  onState: (state: ConnectionState) => void,
) => {
  let socket: WebSocket | null = null
  let tries = 0
  let timer = 0
  let closed = false
  /** What the server gave as the reason before it closed. */
  let said: string | null = null
  const openSocket = () => (socket?.readyState === WebSocket.OPEN ? socket : null)
  const outbox = createOutbox(openSocket)
  const intake = createIntake(
    screen,
    () => socket?.close(),
    () => void connect(),
  )

  const send = (frame: ClientFrame) => openSocket()?.send(JSON.stringify(frame))
  const retryLater = (why: string) => {
    if (closed) return
    onState({ is: 'waiting', why })
    timer = window.setTimeout(() => void connect(), Math.min(250 * 2 ** tries++, LONGEST_WAIT_MS))
  }
  const end = (state: ConnectionState) => {
    closed = true
    onState(state)
    socket?.close()
  }
  const read = (data: unknown) => {
    if (data instanceof ArrayBuffer) return intake.take(new Uint8Array(data))
    const frame = serverFrame.parse(z.json().parse(JSON.parse(String(data))))
    if (frame.type === 'exit') return end({ is: 'ended', exitCode: frame.exitCode, why: frame.reason ?? null })
    if (frame.type === 'error') {
      said = frame.message
      return
    }
    intake.startAt(frame.offset)
    tries = 0
    said = null
    onState({ is: 'open' })
    send({ type: 'resize', ...screen.size() })
  }
  const isCurrent = (one: WebSocket) => socket === one && !intake.isChoking()

  async function connect(): Promise<void> {
    if (closed) return
    onState({ is: 'connecting' })
    const wanted = { offset: intake.offset(), size: screen.size(), isCancelled: () => closed }
    try {
      socket = await dialTerminal(sandbox, name, wanted, {
        onMessage: (data, from) => isCurrent(from) && read(data),
        onClose: (one) => isCurrent(one) && retryLater(said ?? 'The connection was lost.'),
      })
    } catch (error) {
      const { final, why } = whyNot(error)
      if (final) end({ is: 'refused', why })
      else retryLater(why)
    }
  }
  void connect()

  return {
    input: (text: string) => outbox.add(text),
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
      outbox.close()
      socket?.close()
    },
  }
}
export type Connection = ReturnType<typeof createConnection>
