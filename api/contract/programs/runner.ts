/**
 * The runner's verbs, HTTP/1.1 with JSON on its unix socket. The runner keeps no state of its own: the engine's labels
 * are its memory, and the server, which has the database, says what ought to exist.
 *
 *   GET    /healthz                      runnerHealth
 *   GET    /v1/doctor                    doctorReport
 *   POST   /v1/images   imageBuild       NDJSON of imageProgress; the last line has `done` or `failed`
 *   GET    /v1/sandboxes                 { items: runnerSandbox[] }
 *   POST   /v1/sandboxes sandboxSpec     201 runnerSandbox (created and started; idempotent by id)
 *   GET    /v1/sandboxes/:id             runnerSandbox
 *   POST   /v1/sandboxes/:id/{start,stop,pause,unpause}   runnerSandbox
 *   DELETE /v1/sandboxes/:id?workspace=remove|keep        204 (also when it is not there)
 *   GET    /v1/sandboxes/:id/stats       sandboxStats
 *   GET    /v1/events                    NDJSON of runnerEvent, for as long as the reader reads
 */
import { z } from 'zod'
import { sandboxId, slug } from '../ids.ts'

export const runtime = z.enum(['runc', 'runsc'])
export type Runtime = z.infer<typeof runtime>
/** Fields of a policy's `sandbox` that hold only where the engine can set up control groups. */
export const limit = z.enum(['memory', 'cpus', 'pids'])

const userId = z.int().min(0).max(4_294_967_294)
/** Unix user ids of one sandbox; each is a group id too. What each of them is for is in sandbox-images/porter/processes/users.ts. */
export const sandboxUsers = z.strictObject({ porter: userId, maker: userId.min(1000), witness: userId.min(1000) })
export type SandboxUsers = z.infer<typeof sandboxUsers>

/** Above every range that systemd's UIDS-GIDS.md gives to people, services and containers, below 2^31 where old tools stop. */
const FIRST_USER = 1_879_048_192
/**
 * A sandbox's users, from its place in the database. gVisor loses ambient capabilities over exec, so that the porter is
 * user 0 of that kernel there, which is the sandbox's own.
 */
export function usersOf(slot: number, runtime: Runtime): SandboxUsers {
  const first = FIRST_USER + 3 * slot
  return { porter: runtime === 'runsc' ? 0 : first, maker: first + 1, witness: first + 2 }
}

/** What a container is made from. Sizes in bytes. Nothing here is a flag: the flags are in runner/container.ts. */
export const sandboxSpec = z.strictObject({
  id: sandboxId,
  /** That it is made by: the engine shows it as a label. */
  policy: z.strictObject({ name: slug, version: z.int().min(1) }),
  image: z.string().regex(/^backlot\/sandbox:[a-f0-9]{16}$/),
  runtime,
  users: sandboxUsers,
  cpus: z.number().min(0.1).max(64),
  memoryBytes: z.int().min(134_217_728),
  diskBytes: z.int().min(67_108_864),
  pids: z.int().min(32).max(32_768),
  /** Absent, never false: what was made before this field keeps its hash. */
  unsafeUnlimited: z.literal(true).optional(),
  requirePatchedRuntime: z.literal(true).optional(),
  workspaceExec: z.boolean(),
  /** Names and values for the porter's children; never a secret. */
  environment: z.record(z.string().regex(/^[A-Z][A-Z0-9_]*$/), z.string().max(8192)).default({}),
})
export type SandboxSpec = z.infer<typeof sandboxSpec>

/** What the engine says of one container; `exitCode` only once it has exited. */
export const runnerSandbox = z.strictObject({
  id: sandboxId,
  container: z.string(),
  image: z.string(),
  state: z.enum(['created', 'running', 'paused', 'exited']),
  exitCode: z.int().nullable(),
  oomKilled: z.boolean(),
})
export const runnerSandboxList = z.strictObject({ items: z.array(runnerSandbox) })
export type RunnerSandbox = z.infer<typeof runnerSandbox>

export const runnerEvent = z.strictObject({
  id: sandboxId,
  event: z.enum(['start', 'die', 'oom', 'pause', 'unpause', 'destroy']),
})

export type RunnerEvent = z.infer<typeof runnerEvent>

export const imageBuild = z.strictObject({ tools: z.array(slug).max(50) })
export const imageProgress = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('step'), step: z.int(), steps: z.int(), text: z.string() }),
  z.strictObject({ type: z.literal('log'), text: z.string() }),
  z.strictObject({ type: z.literal('done'), image: z.string() }),
  z.strictObject({ type: z.literal('failed'), message: z.string() }),
])
export type ImageProgress = z.infer<typeof imageProgress>

export const sandboxStats = z.strictObject({
  cpuNanoseconds: z.number(),
  memoryBytes: z.number(),
  pids: z.number(),
  at: z.iso.datetime(),
})
export type SandboxStats = z.infer<typeof sandboxStats>

/** `refused` = policies that need it are refused on this host; `warning` = works, with a known weakness. */
export const doctorCheck = z.strictObject({
  id: slug,
  title: z.string(),
  status: z.enum(['ok', 'warning', 'refused']),
  detail: z.string(),
  fix: z.string().nullable(),
})
export const doctorReport = z.strictObject({
  runtimes: z.array(runtime),
  /** Limits that would not hold here. A runtime that is not named holds all of them. */
  unlimited: z.partialRecord(runtime, z.array(limit)),
  /** Known escapes from a container, or that they cannot be ruled out. A runtime that is not named has none. */
  escapes: z.partialRecord(runtime, z.string()),
  sizedWorkspace: z.boolean(),
  checks: z.array(doctorCheck),
})
export type DoctorReport = z.infer<typeof doctorReport>

export const runnerHealth = z.strictObject({
  ok: z.boolean(),
  engine: z.string().nullable(),
  reason: z.string().nullable(),
})
