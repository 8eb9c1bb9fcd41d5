/**
 * What the gateway asks of the porter: HTTP/2 on the connection that the porter dialled (`http2.performServerHandshake`).
 * Everything that comes back was written by a sandbox: parse it, cap it, believe nothing.
 *
 *   GET    /health                                       porterHealth
 *   GET    /terminals                                    terminalList (contract/terminal.ts)
 *   POST   /terminals              terminalOpen + argv?  terminalInfo
 *   POST   /terminals/:name/resize terminalSize          204
 *   POST   /terminals/:name/input                        204; body = bytes; the stream may stay open
 *   GET    /terminals/:name/output?offset=N              bytes; header `x-offset`; the one recorder. Nobody reading ⇒ the PTY is not read
 *   POST   /terminals/:name/release?offset=N             204: bytes before N are recorded and may be forgotten
 *   DELETE /terminals/:name                              204
 *   POST   /exec                   execRequest           execResult
 *   POST   /processes              processStart          processInfo; stdio is held, with offsets
 *   GET    /processes/:pid/{stdout,stderr}?offset=N      bytes · POST …/stdin bytes · DELETE kills the process group
 *   CONNECT 127.0.0.1:<port>                             a byte stream to a port in the sandbox
 *   GET    /ports                                        NDJSON of portList, a line at each change
 *   POST   /probe                  probePlan             { results: probeResult[] }
 */
import { z } from 'zod'
import { probeResult } from './prototypes.ts'

export const porterHealth = z.strictObject({ version: z.string(), pid: z.int(), startedAt: z.string() })
export const processStart = z.strictObject({
  argv: z.array(z.string()).min(1),
  cwd: z.string(),
  environment: z.record(z.string(), z.string()).default({}),
})
export const processInfo = z.strictObject({
  pid: z.int(),
  running: z.boolean(),
  exitCode: z.int().nullable(),
  stdoutOffset: z.int(),
  stderrOffset: z.int(),
})
export const portList = z.strictObject({ ports: z.array(z.int()) })

/** One allowed host to reach, if the policy has any; every refusal is tried whatever the policy says. */
export const probePlan = z.strictObject({ allowed: z.strictObject({ host: z.string(), port: z.int() }).nullable() })
export const probeResults = z.strictObject({ results: z.array(probeResult).max(50) })
