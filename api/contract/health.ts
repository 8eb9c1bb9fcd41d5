import { z } from 'zod'
import { auditLag } from './audit.ts'

export const alive = z.strictObject({ ok: z.literal(true) })
/** GET /readyz: 200 when every part answers, else 503 with a sentence for each that does not. */
export const readiness = z.strictObject({
  ready: z.boolean(),
  reasons: z.array(z.string()),
  /** How far the log's places are behind; null: not known. */
  log: auditLag.nullable(),
})

/** GET /api/v1/gateways: each instance of the gateway, and how many sandboxes it has. */
export const gatewayState = z.strictObject({
  name: z.string(),
  /** What is the matter. Null: it does its work. */
  trouble: z.string().nullable(),
  running: z.int(),
  /** Those that can be started again, too. */
  all: z.int(),
})
export const gatewayStates = z.strictObject({ items: z.array(gatewayState) })
export type GatewayState = z.infer<typeof gatewayState>

/** What grows on a disk, of Backlot's own. */
export const holding = z.enum(['database', 'recordings', 'workspaces'])
export type Holding = z.infer<typeof holding>

const bytes = z.int().nonnegative()

/** GET /api/v1/disk: how much room there is, what takes it, and whether new work is refused because of it. */
export const diskReport = z.strictObject({
  low: z.boolean(),
  /** What is the matter and what to do. Null while there is room. */
  words: z.string().nullable(),
  disks: z.array(
    z.strictObject({
      holds: z.array(holding),
      totalBytes: bytes,
      freeBytes: bytes,
      /** Of what is free: what workspaces may still grow by. */
      promisedBytes: bytes,
      /** Kept for stops, sign-in and the log. */
      reserveBytes: bytes,
    }),
  ),
  /** Null: not known. */
  takes: z.record(holding, bytes.nullable()),
  /** False: its disk cannot be seen from here, so nothing of it is in `disks`. */
  databaseIsHere: z.boolean(),
  recordings: z.strictObject({ limitBytes: bytes, personLimitBytes: bytes, keptDays: z.int() }),
})
export type DiskReport = z.infer<typeof diskReport>

const GIB = 1_073_741_824

/** For people. */
export function sized(bytes: number): string {
  if (bytes >= GIB) return `${(bytes / GIB).toFixed(1)} GiB`
  return `${Math.round(bytes / 1_048_576)} MiB`
}
