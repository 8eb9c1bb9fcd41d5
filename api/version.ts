import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

/** Backlot's own, from package.json; Node's is `process.version`. */
export function ownVersion(): string {
  const file = readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8')
  return z.object({ version: z.string() }).parse(JSON.parse(file)).version
}
