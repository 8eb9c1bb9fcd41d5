import { z } from 'zod'
import {
  type AuditKind,
  type AuditView,
  type Decision,
  detailOf,
  type Folded,
  folded,
} from '../../../../api/contract/audit.ts'
import type { SandboxState } from '../../../../api/contract/prototypes.ts'
import type { Tone } from '../../components/tone.ts'
import { reasonWords } from './reasons.ts'

const say =
  <Schema extends z.ZodType>(schema: Schema, words: (detail: z.output<Schema>) => string) =>
  (detail: unknown) =>
    words(schema.parse(detail))

const seconds = (ms: number): string => (ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`)
const bytes = (count: number): string => {
  if (count < 1024) return `${count} B`
  if (count < 1024 ** 2) return `${(count / 1024).toFixed(1)} KB`
  return count < 1024 ** 3 ? `${(count / 1024 ** 2).toFixed(1)} MB` : `${(count / 1024 ** 3).toFixed(1)} GB`
}
const tokens = (count: number | null): string => (count === null ? '?' : count.toLocaleString('en'))
const quoted = (argv: readonly string[]): string =>
  argv.map((part) => (/^[\w@%+=:,./-]+$/.test(part) ? part : `'${part}'`)).join(' ')
const modelName = ({ provider, model }: { provider: string | null; model: string | null }) =>
  provider && model ? `${provider}/${model}` : null
const place = ({ host, port }: { host: string; port: number | null }) => (port === null ? host : `${host}:${port}`)
const pathOf = ({ path, query }: { path: string | null; query?: string | undefined }) =>
  `${path ?? ''}${query === undefined ? '' : `?${query}`}`
const accepting = (unsafe: readonly string[]): string => (unsafe.length === 0 ? '' : `, accepting ${unsafe.join('; ')}`)

const because = (why: string | null): string => (why === null ? '' : `: ${why}`)
/** What security and admins do to what runs; `what`: the id, or its title where that is known. */
const stopWords = {
  'kill.ordered': (what: string, why: string | null) => `STOPPED ${what}${because(why)}`,
  'hold.placed': (what: string, why: string | null) => `PUT ON HOLD ${what}${because(why)}`,
  'hold.released': (what: string, why: string | null) => `Released the hold on ${what}${because(why)}`,
}
const isStop = (kind: AuditKind): kind is keyof typeof stopWords => Object.hasOwn(stopWords, kind)
const whyIn = z.object({ why: z.string().nullable().default(null) })

/** What it means that a sandbox comes to a state; of a state that no longer exists the name is shown. */
const stateSentences: Record<string, string> = {
  building: 'Sandbox image is being prepared',
  starting: 'Sandbox starting',
  proving: 'Sandbox being checked',
  ready: 'Sandbox ready',
  claimed: 'Sandbox ready',
  paused: 'Sandbox asleep',
  stopped: 'Sandbox stopped',
  failed: 'Sandbox failed',
  lost: 'Sandbox lost',
  removed: 'Sandbox removed',
} satisfies Record<SandboxState, string>

/** Each kind in a person's words. A kind without an entry does not compile. */
const sentences: Record<AuditKind, (detail: unknown) => string> = {
  'egress.request': say(detailOf['egress.request'], (it) =>
    it.host === '' ? it.raw || 'A request that could not be read' : `${it.method} ${place(it)}${pathOf(it)}`.trim(),
  ),
  'egress.ended': say(detailOf['egress.ended'], (it) => {
    const status = it.status === null ? it.outcome : `${it.status}, ${it.outcome}`
    return `${place(it)}${it.address ? ` (${it.address})` : ''} closed: ${status}, ${bytes(it.bytesOut)} out, ${bytes(it.bytesIn)} in, ${seconds(it.durationMs)}`
  }),
  'model.request': say(detailOf['model.request'], (it) => `Asks ${modelName(it) ?? it.alias ?? 'a model'}`),
  'model.call': say(detailOf['model.call'], (it) => {
    const spent = `${tokens(it.inputTokens)} tokens in, ${tokens(it.outputTokens)} out, ${seconds(it.latencyMs)}`
    return `${modelName(it)} replied: ${spent}${it.outcome === 'completed' ? '' : `, ${it.outcome}`}`
  }),
  'exec.started': say(
    detailOf['exec.started'],
    (it) => `Runs ${quoted(it.argv)}${it.stdin ? `, given ${it.stdin}` : ''}`,
  ),
  'exec.ended': say(
    detailOf['exec.ended'],
    (it) => `Command ended after ${seconds(it.durationMs)}, exit code ${it.exitCode ?? 'unknown'}`,
  ),
  'terminal.opened': say(detailOf['terminal.opened'], (it) => `Opened terminal “${it.terminal}”`),
  'terminal.attached': say(detailOf['terminal.attached'], (it) => `Opened a view of terminal “${it.terminal}”`),
  'terminal.closed': say(detailOf['terminal.closed'], (it) => `Terminal “${it.terminal}” ended: ${it.why}`),
  'porter.connected': say(detailOf['porter.connected'], () => 'Sandbox connected'),
  'porter.replaced': say(detailOf['porter.replaced'], () => 'Sandbox started again, not checked yet'),
  'porter.lost': say(detailOf['porter.lost'], () => 'Lost the connection to the sandbox'),
  'porter.refused': say(detailOf['porter.refused'], () => 'Second connection to the sandbox refused'),
  'sandbox.refused': say(
    detailOf['sandbox.refused'],
    (it) =>
      `Not let out to ${it.socket === 'model' ? 'models' : 'the network'}: the disk is nearly full${it.times > 1 ? `, ${it.times} times` : ''}`,
  ),
  'disk.low': say(
    detailOf['disk.low'],
    (it) => `DISK NEARLY FULL: ${bytes(Math.max(0, it.freeBytes))} left, ${bytes(it.reserveBytes)} kept for people`,
  ),
  'disk.recovered': say(detailOf['disk.recovered'], (it) => `Disk has room again: ${bytes(it.freeBytes)} left`),
  'recording.removed': say(
    detailOf['recording.removed'],
    (it) => `Removed recordings after ${it.keptDays} days: ${it.files} files, ${bytes(it.bytes)}`,
  ),
  'prototype.created': say(detailOf['prototype.created'], (it) => `Created “${it.title}”, ${it.label}`),
  'prototype.removed': say(detailOf['prototype.removed'], (it) => `Deleted “${it.title}”`),
  'sandbox.state': say(
    detailOf['sandbox.state'],
    (it) => `${stateSentences[it.to] ?? `Sandbox ${it.to}`}${it.detail ? `: ${it.detail}` : ''}`,
  ),
  'sandbox.proven': say(detailOf['sandbox.proven'], (it) =>
    it.ok ? `Limits proven (checks: ${it.probes.length})` : `LIMITS NOT PROVEN (checks: ${it.probes.length})`,
  ),
  'person.invited': say(detailOf['person.invited'], (it) => `Invited ${it.email} as ${it.roles.join(', ')}`),
  'person.changed': say(detailOf['person.changed'], (it) => `Changed ${it.fields.join(', ')} of ${it.person}`),
  'session.created': say(detailOf['session.created'], (it) => `Signed in by ${it.by} from ${it.address}`),
  'session.refused': say(
    detailOf['session.refused'],
    (it) =>
      `Sign-in refused${it.email ? ` for ${it.email}` : ''} from ${it.address}${it.times > 1 ? `, ${it.times} times` : ''}`,
  ),
  'session.ended': say(detailOf['session.ended'], () => 'Signed out'),
  'token.created': say(detailOf['token.created'], (it) => `Created API token “${it.name}”`),
  'token.revoked': say(detailOf['token.revoked'], (it) => `Revoked API token ${it.token}`),
  'request.refused': say(
    detailOf['request.refused'],
    (it) => `Tried ${it.method} ${it.route}${it.times > 1 ? `, ${it.times} times` : ''}`,
  ),
  'policy.published': say(
    detailOf['policy.published'],
    (it) => `Published policy ${it.name} v${it.version}${accepting(it.unsafe)}`,
  ),
  'provider.saved': say(detailOf['provider.saved'], (it) => `Saved provider ${it.provider} at ${it.baseUrl}`),
  'provider.tested': say(detailOf['provider.tested'], (it) => `Tests provider ${it.provider} at ${it.baseUrl}`),
  'provider.answered': say(detailOf['provider.answered'], (it) => `Tested provider ${it.provider}: ${it.outcome}`),
  'provider.removed': say(detailOf['provider.removed'], (it) => `Removed provider ${it.provider}`),
  'model.assigned': say(detailOf['model.assigned'], (it) => `${it.slot} model is now ${modelName(it) ?? 'none'}`),
  'audit.read': say(
    detailOf['audit.read'],
    (it) =>
      `${it.query.startsWith('feed?') ? 'Follows the log' : 'Read the log'}${it.rows > 0 ? `, ${it.rows} ${it.rows === 1 ? 'row' : 'rows'}` : ''}`,
  ),
  'kill.ordered': say(detailOf['kill.ordered'], (it) => stopWords['kill.ordered'](it.target ?? it.scope, it.why)),
  'hold.placed': say(detailOf['hold.placed'], (it) => stopWords['hold.placed'](it.target ?? it.scope, it.why)),
  'hold.released': say(detailOf['hold.released'], (it) => stopWords['hold.released'](it.target ?? it.scope, it.why)),
  'log.behind': say(
    detailOf['log.behind'],
    (it) => `Log ${seconds(it.behindMs)} behind: ${it.waiting.toLocaleString('en')} events wait for their place`,
  ),
  'log.caught-up': say(
    detailOf['log.caught-up'],
    (it) => `Log caught up; it had been up to ${seconds(it.behindMs)} behind`,
  ),
  'platform.started': say(
    detailOf['platform.started'],
    (it) => `${it.program} ${it.version} started${accepting(it.unsafe)}`,
  ),
  'platform.hung': say(
    detailOf['platform.hung'],
    (it) => `${it.program} did not answer for ${it.silentMs / 1000} s, so it was ended and started again`,
  ),
}

/** For how many an event stands; null: for one. */
export const countOf = ({ detail }: AuditView): Folded | null => folded.safeParse(detail.folded).data ?? null

const timesWords = ({ times, firstAt, lastAt }: Folded): string => {
  if (times === 1) return ''
  const tookMs = lastAt - firstAt
  return `, ${times.toLocaleString('en')} times ${tookMs < 1000 ? 'within a second' : `in ${Math.round(tookMs / 1000)} s`}`
}

/** What happened, in one line. Its strings were capped and escaped when they were written. */
export const sentence = (event: AuditView): string => {
  try {
    const counted = countOf(event)
    const { prototype } = event.names
    if (isStop(event.kind) && prototype) return stopWords[event.kind](`“${prototype}”`, whyIn.parse(event.detail).why)
    return `${sentences[event.kind](event.detail)}${counted ? timesWords(counted) : ''}`
  } catch {
    // A row from an older version: its kind is known, its detail is not.
    return event.kind
  }
}

export const decisionWords: Record<Decision, { title: string; tone: 'good' | 'bad' | 'plain' }> = {
  allow: { title: 'Allowed', tone: 'good' },
  deny: { title: 'Refused', tone: 'bad' },
  info: { title: 'Other', tone: 'plain' },
}

/** Tried by Backlot itself while a sandbox was being proven: nobody's doing, and refused as it must be. */
export const isProof = ({ kind, detail }: AuditView): boolean => kind.startsWith('egress.') && detail.phase === 'proof'

/**
 * How an event is marked, and why. Each says one thing: what was only noted has no mark beside its reason, and what is
 * allowed for no further reason has no words beside its mark.
 */
export const verdictOf = (event: AuditView): { mark: { title: string; tone: Tone } | null; why: string | null } => {
  const why = event.reason === 'allowed' ? null : reasonWords(event.reason)
  if (isProof(event)) return { mark: { title: 'Proof', tone: 'plain' }, why }
  if (event.decision === 'info') return { mark: null, why: reasonWords(event.reason) }
  return { mark: decisionWords[event.decision], why }
}
