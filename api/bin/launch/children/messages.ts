/** What the launcher's children say to it over IPC. Anything else is ignored. */
import { z } from 'zod'
import { passwords } from '../database/secrets.ts'

export const childMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('database'), ownerUrl: z.string(), passwords }),
  /** The server listens. `signInToken` is there once in a start: a single-use token of /api/v1/sessions. */
  z.object({
    type: z.literal('ready'),
    url: z.string(),
    /** Where it listens, when the url does not say. */
    port: z.int().nullable().default(null),
    signInToken: z.string().nullable().default(null),
    /** Dangers that policies in force accept, for whoever starts Backlot to see. */
    unsafe: z.array(z.string()).default([]),
  }),
  /** Vite listens (`npm run dev`). */
  z.object({ type: z.literal('pages') }),
])
export type ChildMessage = z.infer<typeof childMessage>
