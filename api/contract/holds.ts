/** Stops, which the owner may undo, and holds, which only security and admins may. */
import { z } from 'zod'
import { holdId, personId, sandboxId } from './ids.ts'
import { oneLine } from './text.ts'

export const holdScope = z.enum(['sandbox', 'person', 'everything'])
export type HoldScope = z.infer<typeof holdScope>

/** Read by the people whose work it is. */
export const stopReason = oneLine.min(1, 'Say why: the people whose work it is read this.').max(300)

const told = { reason: stopReason.optional(), hold: z.boolean().default(false) }
/** POST /api/v1/kill. After a stop the owner may start again; after a hold nobody may until it is released. */
export const stopOrder = z
  .discriminatedUnion('scope', [
    z.strictObject({ scope: z.literal('sandbox'), id: sandboxId, ...told }),
    z.strictObject({ scope: z.literal('person'), id: personId, ...told }),
    z.strictObject({ scope: z.literal('everything'), ...told }),
  ])
  .refine(({ hold, reason }) => !hold || reason !== undefined, {
    path: ['reason'],
    message: 'A hold needs a reason: the people whose work it is read it.',
  })
export type StopOrder = z.output<typeof stopOrder>

const placed = { scope: holdScope, reason: z.string(), placedAt: z.iso.datetime() }

/** A hold as those see it whose work it stops: why, and whom to ask. */
export const holdNotice = z.strictObject({ ...placed, by: z.strictObject({ name: z.string(), email: z.string() }) })
export type HoldNotice = z.infer<typeof holdNotice>

/** A hold as security and admins see it. `sandbox` and `person`: what it is on, where its scope says so. */
export const hold = z.strictObject({
  id: holdId,
  ...placed,
  sandbox: z.strictObject({ id: sandboxId, title: z.string(), owner: z.string() }).nullable(),
  person: z.strictObject({ id: personId, name: z.string() }).nullable(),
  by: z.strictObject({ id: personId, name: z.string() }),
})
export type Hold = z.infer<typeof hold>
export const holdList = z.strictObject({ items: z.array(hold) })
