import { type AuditKind, auditKind, type Decision } from '../../../../api/contract/audit.ts'

export const spans = {
  '': { title: 'Any time', ms: null },
  hour: { title: 'Last hour', ms: 3_600_000 },
  day: { title: 'Last 24 hours', ms: 86_400_000 },
  week: { title: 'Last 7 days', ms: 7 * 86_400_000 },
  month: { title: 'Last 30 days', ms: 30 * 86_400_000 },
  between: { title: 'Between…', ms: null },
} as const
export type Span = keyof typeof spans

export interface Filter {
  decision: Decision | 'all'
  /** A key of `kindGroups`; empty: every kind. */
  group: string
  person: string
  prototype: string
  span: Span
  /** With `between`: as an `input` of the type `datetime-local` has it; empty: open at that end. */
  from: string
  to: string
  text: string
}
export const everything: Filter = {
  decision: 'all',
  group: '',
  person: '',
  prototype: '',
  span: '',
  from: '',
  to: '',
  text: '',
}

/** Kinds in the groups that a person looks for, by how a kind begins. Every kind is in one. */
export const kindGroups: Record<string, string> = {
  egress: 'Network',
  model: 'Model calls',
  exec: 'Commands',
  terminal: 'Terminals',
  sandbox: 'Sandboxes',
  porter: 'Sandbox connections',
  prototype: 'Prototypes',
  session: 'Sign-in',
  token: 'API tokens',
  request: 'Refused requests',
  person: 'People',
  policy: 'Policies',
  provider: 'Providers',
  kill: 'Stops',
  hold: 'Holds',
  recording: 'Removed recordings',
  disk: 'Disk',
  audit: 'Log readings',
  log: 'Delays of the log',
  platform: 'Backlot itself',
} satisfies Record<GroupOf<AuditKind>, string>
type GroupOf<Kind extends string> = Kind extends `${infer Group}.${string}` ? Group : never

export const isTimed = ({ span, from, to }: Filter): boolean =>
  span === 'between' ? from !== '' || to !== '' : span !== ''

export const isFiltered = (filter: Filter): boolean =>
  filter.decision !== 'all' ||
  isTimed(filter) ||
  [filter.group, filter.person, filter.prototype, filter.text.trim()].some((part) => part !== '')

/** Routine folds away, unless a text or a kind is looked for: then each row is an answer. */
export const foldsRoutine = ({ text, group }: Filter): boolean => text.trim() === '' && group === ''

/** The filter as it stands in an address of the log. */
export const searchOf = (filter: Filter, now: number): string => {
  const search = new URLSearchParams()
  const set = (name: string, value: string) => value !== '' && search.append(name, value)
  if (filter.decision !== 'all') set('decision', filter.decision)
  if (filter.group !== '') {
    for (const kind of auditKind.options) if (kind.startsWith(`${filter.group}.`)) set('kind', kind)
  }
  const { ms } = spans[filter.span]
  if (ms !== null) set('since', String(now - ms))
  if (filter.span === 'between') {
    set('since', momentOf(filter.from))
    set('until', momentOf(filter.to))
  }
  set('person', filter.person)
  set('prototype', filter.prototype)
  set('text', filter.text.trim())
  return search.toString()
}

/** Local time, as it was typed, in ms since the epoch; nothing while it is half typed. */
const momentOf = (typed: string): string => {
  const moment = Date.parse(typed)
  return Number.isNaN(moment) ? '' : String(moment)
}
