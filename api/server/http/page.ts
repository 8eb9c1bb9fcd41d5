import { z } from 'zod'

/** The query of a list: how many at the most, and the `cursor` of the page before. */
export const page = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: z.string().max(200).optional(),
})
