/**
 * What the gateway asks of the porter: HTTP/2 on the connection that the porter dialled (`http2.performServerHandshake`).
 * Everything that comes back was written by a sandbox: parse it, cap it, believe nothing.
 *
 *   GET    /health                                       porterHealth
 *   GET    /terminals                                    porterTerminals
 *   POST   /terminals              porterTerminalOpen    porterTerminal (opens it, or finds the open one of that name)
 *   POST   /terminals/:name/resize terminalSize          204
 *   POST   /terminals/:name/input                        204; body = bytes; the stream may stay open
 *   GET    /terminals/:name/output?offset=N              bytes; header `x-offset`; the one recorder. Nobody reading ⇒ the PTY is not read
 *   POST   /terminals/:name/release?offset=N             204: bytes before N are recorded and may be forgotten
 *   DELETE /terminals/:name                              204
 *   POST   /exec                   execRequest           execResult
 *   POST   /processes              processStart          processInfo; stdio is held, with offsets
 *   GET    /processes/:pid                               processInfo
 *   GET    /processes/:pid/{stdout,stderr}?offset=N      bytes; header `x-offset` · POST …/stdin[?end] bytes · DELETE kills the process group
 *   CONNECT 127.0.0.1:<port>                             a byte stream to a port in the sandbox
 *   GET    /ports                                        NDJSON of portList, a line at each change
 *   POST   /probe                  probePlan             { results: probeResult[] }
 */
import { z } from 'zod'
import { probeResult } from '../prototypes.ts'
import { terminalInfo, terminalOpen } from '../terminal.ts'

/** `landlock`, `dns`: what this sandbox's kernel let the porter have (gVisor has no Landlock). */
export const porterHealth = z.strictObject({
  version: z.string(),
  pid: z.int(),
  startedAt: z.string(),
  /** Of this run of the porter, and so of this start of the container. */
  instance: z.uuid(),
  landlock: z.boolean(),
  dns: z.boolean(),
})

/** `id` is the gateway's name for this opening: a later terminal of the same name has another, and another recording. */
const terminalId = z.string().regex(/^[0-9]{13}-[a-z2-7]{8}$/)
export const porterTerminalOpen = terminalOpen.extend({
  id: terminalId,
  argv: z.array(z.string()).min(1).optional(),
  cwd: z.string().optional(),
})
export const porterTerminal = terminalInfo.extend({ id: terminalId })
export type PorterTerminal = z.infer<typeof porterTerminal>
export const porterTerminals = z.strictObject({ items: z.array(porterTerminal).max(100) })

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

export type ProcessStart = z.input<typeof processStart>
export type ProcessInfo = z.infer<typeof processInfo>

/** One allowed host to reach, if the policy has any; every refusal is tried whatever the policy says. */
export const probePlan = z.strictObject({
  allowed: z.strictObject({ host: z.string(), port: z.int() }).nullable(),
  /** False: a program that was made in the sandbox must not run. */
  workspaceExec: z.boolean().default(true),
})
export type ProbePlan = z.input<typeof probePlan>
export const probeResults = z.strictObject({ results: z.array(probeResult).max(50) })
