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
