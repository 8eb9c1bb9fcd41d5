import { MAX_CLIENT_MESSAGE_BYTES } from '../../../../../api/contract/terminal.ts'

/** Input waits while more than this is unsent. */
const UNSENT_BYTES = 256 * 1024
const LOOK_AGAIN_MS = 20

/**
 * Text as typed or pasted, sent in pieces that the server takes, no faster than the socket carries them. What was typed while
 * there is no open socket is not kept: it would be executed later, without anybody looking.
 */
export const createOutbox = (openSocket: () => WebSocket | null) => {
  const encoder = new TextEncoder()
  let unsent: Uint8Array[] = []
  let timer = 0

  const drain = () => {
    window.clearTimeout(timer)
    const socket = openSocket()
    if (!socket) {
      unsent = []
      return
    }
    while (unsent.length > 0 && socket.bufferedAmount < UNSENT_BYTES) {
      const next = unsent.shift()
      if (next) socket.send(new Uint8Array(next))
    }
    if (unsent.length > 0) timer = window.setTimeout(drain, LOOK_AGAIN_MS)
  }

  return {
    add(text: string) {
      const bytes = encoder.encode(text)
      for (let at = 0; at < bytes.length; at += MAX_CLIENT_MESSAGE_BYTES) {
        unsent.push(bytes.subarray(at, at + MAX_CLIENT_MESSAGE_BYTES))
      }
      drain()
    },
    close() {
      window.clearTimeout(timer)
      unsent = []
    },
  }
}
