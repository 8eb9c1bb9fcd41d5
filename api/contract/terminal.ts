/**
 * The terminal's protocol. Browser WebSocket: binary messages are bytes (input up, output down), text messages are the
 * frames below. Between programs the same bytes travel as a plain HTTP/2 stream and the frames as requests.
 * An offset counts output bytes since the terminal was opened.
 */
import { z } from 'zod'
import { slug } from './ids.ts'

export const terminalSize = z.strictObject({ cols: z.int().min(2).max(1000), rows: z.int().min(2).max(500) })
export const terminalOpen = terminalSize.extend({ name: slug })
/** Ends every terminal of a sandbox. `why`: for the person who looks at one. */
export const terminalsEnd = z.strictObject({ why: z.string().min(1).max(300) })
export const terminalInfo = terminalSize.extend({
  name: slug,
  /** Bytes put out so far, and the oldest that can still be replayed. */
  offset: z.int().nonnegative(),
  oldest: z.int().nonnegative(),
  running: z.boolean(),
  exitCode: z.int().nullable(),
  /** Why it is over, in words for people; absent while it runs. */
  reason: z.string().optional(),
})
export type TerminalInfo = z.infer<typeof terminalInfo>
export const terminalList = z.strictObject({ items: z.array(terminalInfo) })

/** Browser → server. A message that is none of these closes the socket with 1008. */
export const clientFrame = z.discriminatedUnion('type', [terminalSize.extend({ type: z.literal('resize') })])
export type ClientFrame = z.infer<typeof clientFrame>

/** Server → browser. `ready.offset` is where the binary messages that follow begin. */
export const serverFrame = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ready'), offset: z.int(), cols: z.int(), rows: z.int() }),
  /** It is over. `reason`: why it was ended from outside, in words for people. */
  z.strictObject({ type: z.literal('exit'), exitCode: z.int().nullable(), reason: z.string().optional() }),
  z.strictObject({ type: z.literal('error'), message: z.string() }),
])
export type ServerFrame = z.infer<typeof serverFrame>

/** POST …/terminals/:name/ticket: valid once, for 30 s, for this person and terminal; passed as `?ticket=`. */
export const ticket = z.strictObject({ ticket: z.string() })
/** The largest message taken from a browser, in bytes. */
export const MAX_CLIENT_MESSAGE_BYTES = 65_536
