/** The attacks that are tried: test/cases/*.yaml, a file for each group. Ids stay for ever; what a row says may be improved. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'

const row = z.strictObject({
  id: z.string().regex(/^[A-Z]\d{2}$/),
  attack: z.string(),
  expect: z.string(),
  /** With what it comes, or what of it: then the row may do without a test. */
  later: z.string().optional(),
  /** What nothing holds although it could be held today. */
  open: z.string().optional(),
})
const group = z.strictObject({ group: z.string(), rows: z.array(row) })
export type Case = z.infer<typeof row>
export type Group = z.infer<typeof group>

/** In the order in which they stand in CASES.md. */
const FILES = ['names', 'addresses', 'dns', 'tls', 'http', 'models', 'container', 'gateway', 'audit', 'rules']
const REST = ['browser', 'agents']

export function readCatalogue(folder: string): Group[] {
  const order = [...FILES, ...REST].map((name) => `${name}.yaml`)
  const stray = readdirSync(folder).filter((file) => !order.includes(file))
  if (stray.length > 0) throw new Error(`No place in the catalogue for ${stray.join(', ')}: add it to the list here`)
  const groups = order.map((file) => group.parse(parse(readFileSync(join(folder, file), 'utf8'))))
  const ids = groups.flatMap(({ rows }) => rows.map(({ id }) => id))
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at)
  if (twice.length > 0) throw new Error(`Two rows have the id ${twice.join(', ')}`)
  return groups
}
