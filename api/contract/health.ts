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
