/** CASES.md: for each row of the catalogue the tests that hold it. */
import type { Case, Group } from './catalogue.ts'
import type { Title } from './titles.ts'

/** How many names of one file are written out. */
const NAMED = 3

const HEAD = `<!-- Written by test/unit/repository/cases.test.ts from test/cases/*.yaml and the names of tests. Change those, then:
     npx vitest run --project unit test/unit/repository/cases.test.ts -u -->

# Attacks, and the tests that hold them

Each row is a class of attack, with more spellings than the one that is written here. An id stays for ever; a test carries it
in its name, as in \`'N02 allowed as a prefix'\` or \`'guessing (U11)'\`. *Refused* means: no byte reaches an upstream, whoever asked
is told, and exactly one event in the log holds who, why and what, escaped.

What must go on working beside all this is in [keeps-working.test.ts](app/gateway/egress/keeps-working.test.ts).
`

export function renderCases(groups: readonly Group[], titles: readonly Title[]): string {
  const rows = groups.flatMap((group) => group.rows)
  const held = (row: Case) => row.later === undefined && row.open === undefined
  const partly = (row: Case) => !held(row) && titles.some(({ id }) => id === row.id)
  const counts = `${rows.length} rows: ${rows.filter(held).length} held, ${rows.filter(partly).length} in part, ${rows.filter((row) => !held(row) && !partly(row)).length} not yet.`
  return [HEAD, counts, ...groups.map((group) => renderGroup(group, titles))].join('\n').replaceAll(/\n{3,}/g, '\n\n')
}

function renderGroup({ group, rows }: Group, titles: readonly Title[]): string {
  const lines = rows.map((row) => `| ${row.id} | ${cell(row.attack)} | ${cell(row.expect)} | ${holding(row, titles)} |`)
  return `\n## ${group}\n\n| | tried | must happen | held by |\n|---|---|---|---|\n${lines.join('\n')}\n`
}

function holding(row: Case, titles: readonly Title[]): string {
  const files = Map.groupBy(
    titles.filter(({ id }) => id === row.id),
    ({ file }) => file,
  )
  const tests = [...files].map(([file, found]) => {
    const names = [...new Set(found.map(({ name }) => name))].filter((name) => name !== '')
    const more = names.length > NAMED ? [`and ${names.length - NAMED} more`] : []
    const link = `[${file.split('/').at(-1)}](${file})`
    return names.length === 0 ? link : `${link} › ${[...names.slice(0, NAMED).map(cell), ...more].join('; ')}`
  })
  const lacking = row.open === undefined ? row.later && `*Later*: ${row.later}` : `**Open**: ${row.open}`
  return [...tests, ...(lacking ? [cell(lacking)] : [])].join('<br>')
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
