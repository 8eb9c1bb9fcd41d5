import { resolve } from 'node:path'
import { z } from 'zod'
import { gatewayCount, statePaths } from '../../config.ts'

/** What start.mjs hands over. */
const environment = z.object({
  BACKLOT_HOME: z.string(),
  BACKLOT_HOST: z.string(),
  BACKLOT_PORT: z.coerce.number(),
  BACKLOT_GATEWAYS: gatewayCount,
  BACKLOT_LAUNCH_JSON: z.string(),
  BACKLOT_LAUNCH_STEPS: z.coerce.number(),
  BACKLOT_LAUNCH_STEPS_DONE: z.coerce.number(),
  BACKLOT_POLICIES: z.string().default('policies'),
  DATABASE_URL: z.string().optional(),
})

export interface Launch {
  paths: ReturnType<typeof statePaths>
  /** Where people come in; port 0 picks a free one. */
  host: string
  port: number
  /** How many instances of the gateway. */
  gateways: number
  json: boolean
  /** All the steps of a start, and how many of them start.mjs has taken. */
  steps: { total: number; before: number }
  /** The folder of policies. */
  policies: string
  /** DATABASE_URL; undefined: the embedded PostgreSQL. */
  outside: string | undefined
}

export function readLaunch(from: NodeJS.ProcessEnv): Launch {
  const read = environment.parse(from)
  return {
    paths: statePaths(read.BACKLOT_HOME),
    host: read.BACKLOT_HOST,
    port: read.BACKLOT_PORT,
    gateways: read.BACKLOT_GATEWAYS,
    json: read.BACKLOT_LAUNCH_JSON === '1',
    steps: { total: read.BACKLOT_LAUNCH_STEPS, before: read.BACKLOT_LAUNCH_STEPS_DONE },
    policies: resolve(read.BACKLOT_POLICIES),
    // Empty, as an `.env` file may leave it, means none.
    outside: read.DATABASE_URL || undefined,
  }
}
