import { isOffline, messageOf, RequestFailed } from '../../../client/request.ts'
import { terminalAddress, terminalTicket } from '../../../client/terminals.ts'

const refusals: readonly string[] = ['not_found', 'unauthenticated', 'invalid_request']

interface Heard {
  onMessage: (data: unknown, socket: WebSocket) => void
  onClose: (socket: WebSocket) => void
}
interface Wanted {
  offset: number
  size: { cols: number; rows: number }
  /** Nobody wants it any more: the ticket came too late. */
  isCancelled: () => boolean
}

/** One WebSocket to a terminal, with a ticket of its own; null when it was cancelled. */
export const dialTerminal = async (sandbox: string, name: string, { offset, size, isCancelled }: Wanted, on: Heard) => {
  const { ticket } = await terminalTicket(sandbox, name)
  if (isCancelled()) return null
  const query = { ticket, ...(offset > 0 ? { offset } : {}), ...size }
  const socket = new WebSocket(terminalAddress(sandbox, name, query))
  socket.binaryType = 'arraybuffer'
  socket.onmessage = (message) => {
    try {
      on.onMessage(message.data, socket)
    } catch {
      socket.close()
    }
  }
  socket.onclose = () => on.onClose(socket)
  return socket
}

/** Why there is no connection, and whether another try may help. */
export const whyNot = (error: unknown): { final: boolean; why: string } => {
  const final = error instanceof RequestFailed && refusals.includes(error.code)
  return { final, why: isOffline(error) ? 'Backlot cannot be reached.' : messageOf(error) }
}
