import type { AuditKind, AuditView, DetailOf } from '../../../api/contract/audit.ts'
import type { Answer } from '../state.ts'
import { ana } from './people.ts'
import { ready } from './prototypes.ts'
import { BIDI, LONG, WHEN } from './words.ts'

const AT = Date.parse(WHEN)

const event = <K extends AuditKind>(
  seq: number,
  kind: K,
  detail: DetailOf<K>,
  more: Partial<AuditView> = {},
): AuditView => ({
  seq,
  id: `019cad00-0000-7000-8000-${String(seq).padStart(12, '0')}`,
  at: AT + seq * 1000,
  kind,
  actor: { type: 'sandbox', id: ready.sandbox.id },
  person: ana.id,
  prototype: ready.id,
  sandbox: ready.sandbox.id,
  decision: 'allow',
  reason: 'rule',
  rule: null,
  policy: { name: 'standard', version: 3 },
  correlation: `c-${seq}`,
  names: { person: ana.name, prototype: ready.title },
  detail,
  ...more,
})
const request = { method: 'CONNECT', port: 443, path: null, phase: 'work', address: null, raw: null } as const

export const allowed = event(9, 'egress.request', { ...request, host: 'packages.example.com' }, { rule: 'npm-read/0' })
export const denied = event(
  8,
  'egress.request',
  { ...request, host: 'paste.example.net' },
  { decision: 'deny', reason: 'no-rule' },
)
export const countedEvent = event(
  11,
  'egress.request',
  {
    ...request,
    method: '',
    host: 'paste.example.net',
    folded: { times: 4812, firstAt: AT - 49_000, lastAt: AT + 11_000 },
  },
  { decision: 'deny', reason: 'no-rule' },
)
export const countedManyEvent = event(
  10,
  'egress.request',
  {
    ...request,
    ...{ method: '', host: '', port: null, raw: 'Different targets' },
    folded: { times: 120_311, firstAt: AT - 50_000, lastAt: AT + 10_000 },
  },
  { decision: 'deny', reason: 'no-rule' },
)
export const queryEvent = event(
  12,
  'egress.request',
  {
    ...request,
    method: 'GET',
    host: 'intranet.example.org',
    port: 80,
    path: '/search',
    query: 'q=tides&page=2&access_token=[masked]',
  },
  { rule: 'standard/2' },
)
export const longEvent = event(
  7,
  'egress.request',
  { ...request, method: 'GET', port: 80, host: `${'long-label.'.repeat(20)}example.com`, path: `/${LONG}` },
  { decision: 'deny', reason: 'path-not-allowed', names: { person: LONG, prototype: LONG } },
)
export const bidiEvent = event(
  6,
  'prototype.created',
  { title: BIDI, label: 'internal' },
  {
    decision: 'info',
    reason: 'own-sandbox',
    actor: { type: 'person', id: ana.id },
    names: { person: BIDI, prototype: BIDI },
  },
)
export const read = event(
  5,
  'audit.read',
  { query: 'the newest', rows: 200 },
  {
    decision: 'info',
    reason: 'security-role',
    actor: { type: 'person', id: ana.id },
    prototype: null,
    sandbox: null,
    policy: null,
    names: { person: ana.name, prototype: null },
  },
)
export const proofEvent = event(
  4,
  'egress.request',
  { ...request, phase: 'proof', host: 'metadata.example' },
  { decision: 'deny', reason: 'no-rule' },
)
export const modelCall = event(3, 'model.call', {
  path: '/v1/messages',
  alias: 'backlot',
  provider: 'anthropic',
  model: 'a-large-model',
  status: 200,
  inputTokens: 1200,
  outputTokens: 340,
  latencyMs: 2300,
  firstByteMs: 400,
  outcome: 'completed',
})
export const some = [
  queryEvent,
  countedEvent,
  countedManyEvent,
  allowed,
  denied,
  longEvent,
  bidiEvent,
  read,
  proofEvent,
  modelCall,
]

const lag = (behindMs: number) =>
  behindMs === 0 ? '' : `event: lag\ndata: ${JSON.stringify({ waiting: 156_000, behindMs })}\n\n`

/** The live log: where it begins, how far it is behind, then nothing more. */
export const log = (items: AuditView[], behindMs = 0): Answer => ({
  is: 'stream',
  text: `event: begin\nid: ${items[0]?.seq ?? 0}\ndata: ${JSON.stringify({ items, cursor: null })}\n\n${lag(behindMs)}`,
})
