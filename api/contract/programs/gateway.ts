/**
 * What the server may ask of the gateway: HTTP/2 without TLS (RFC 9113 prior knowledge) on the gateway's own unix socket.
 * Who owns a sandbox, its policy and its label are read by the gateway from the database, never taken from here.
 *
 *   GET    /healthz                                       gatewayHealth
 *   PUT    /sandboxes/:id                                 200 doorOpened: makes the socket directory and listens (idempotent)
 *   DELETE /sandboxes/:id                                 204: closes every connection, removes the directory
 *   GET    /sandboxes/:id                                 doorStatus
 *   POST   /sandboxes/:id/prove                           proof (contract/prototypes.ts): waits for the porter to connect
 *   POST   /sandboxes/:id/exec        execRequest         execResult
 *   GET    /sandboxes/:id/terminals                       terminalList
 *   POST   /sandboxes/:id/terminals   terminalOpen        200 terminalInfo (opens it, or finds the open one of that name)
 *   POST   /sandboxes/:id/terminals/end  terminalsEnd     204
 *   POST   /sandboxes/:id/terminals/:name/resize  terminalSize   204
 *   DELETE /sandboxes/:id/terminals/:name                 204
 *   POST   /sandboxes/:id/terminals/:name/stream?offset=N duplex bytes; answer header `x-offset`: where its bytes begin
 *   POST   /kill               killOrder                  204: ends what it covers (connections, terminals, commands), within a second
 *   PUT    /providers/:id?by=  providerSave               204: seals the key, stores the provider; `by`: the person, for the record
 *   DELETE /providers/:id?by=                             204
 *   POST   /providers/:id/test?by=                        providerTest
 */
import { z } from 'zod'
import { personId, sandboxId } from '../ids.ts'

export const gatewayHealth = z.strictObject({ ok: z.boolean(), audit: z.boolean(), reason: z.string().nullable() })
export const doorOpened = z.strictObject({ directory: z.string() })
export const doorStatus = z.strictObject({
  open: z.boolean(),
  porter: z.enum(['connected', 'absent']),
  /** False: its container was started again since it was proven, so everything is denied until it is proven again. */
  trusted: z.boolean(),
  connections: z.int(),
})
export const killOrder = z.discriminatedUnion('scope', [
  z.strictObject({ scope: z.literal('sandbox'), id: sandboxId }),
  z.strictObject({ scope: z.literal('person'), id: personId }),
  z.strictObject({ scope: z.literal('everything') }),
])
export type KillOrder = z.infer<typeof killOrder>
