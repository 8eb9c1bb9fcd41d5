/** What happens to each field of each kind before it is written. A new field does not compile until somebody decides. */
import type { AuditKind, DetailOf } from '../contract/audit.ts'

/**
 * `keep`: as it is, made readable. `mask`: secrets in it are replaced. `query`: the same for the parameters of an address, one by
 * one, and shorter. `drop`: only that it was there. The last two are for text fields only.
 */
export type Treatment = 'keep' | 'mask' | 'query' | 'drop'

type Treatments = { readonly [K in AuditKind]: Readonly<Record<keyof DetailOf<K>, Treatment>> }

export const treatmentOf: Treatments = {
  'egress.request': {
    method: 'keep',
    host: 'keep',
    port: 'keep',
    path: 'mask',
    query: 'query',
    phase: 'keep',
    address: 'keep',
    raw: 'mask',
    folded: 'keep',
  },
  'egress.ended': {
    method: 'keep',
    host: 'keep',
    port: 'keep',
    path: 'mask',
    query: 'query',
    phase: 'keep',
    address: 'keep',
    status: 'keep',
    bytesOut: 'keep',
    bytesIn: 'keep',
    durationMs: 'keep',
    outcome: 'keep',
  },
  'model.request': { path: 'mask', alias: 'keep', provider: 'keep', model: 'keep', folded: 'keep' },
  'model.call': {
    path: 'mask',
    alias: 'keep',
    provider: 'keep',
    model: 'keep',
    status: 'keep',
    inputTokens: 'keep',
    outputTokens: 'keep',
    latencyMs: 'keep',
    firstByteMs: 'keep',
    outcome: 'keep',
  },
  'exec.started': { argv: 'mask', cwd: 'keep', stdin: 'mask' },
  'exec.ended': { exitCode: 'keep', durationMs: 'keep', truncated: 'keep' },
  'terminal.opened': { terminal: 'keep' },
  'terminal.attached': { terminal: 'keep', offset: 'keep' },
  'terminal.closed': { terminal: 'keep', exitCode: 'keep', why: 'keep' },
  'porter.connected': { instance: 'keep', folded: 'keep' },
  'porter.replaced': { instance: 'keep', before: 'keep', folded: 'keep' },
  'porter.lost': { instance: 'keep', folded: 'keep' },
  'porter.refused': { folded: 'keep' },
  'prototype.created': { title: 'keep', label: 'keep' },
  'prototype.removed': { title: 'keep' },
  'sandbox.state': { from: 'keep', to: 'keep', detail: 'mask' },
  'sandbox.proven': { ok: 'keep', probes: 'keep' },
  'person.invited': { person: 'keep', email: 'keep', roles: 'keep' },
  'person.changed': { person: 'keep', fields: 'keep', roles: 'keep', disabled: 'keep' },
  'session.created': { by: 'keep', address: 'keep' },
  'session.refused': { email: 'keep', address: 'keep', times: 'keep' },
  'session.ended': {},
  'token.created': { token: 'keep', name: 'keep', expiresAt: 'keep' },
  'token.revoked': { token: 'keep' },
  'request.refused': { method: 'keep', route: 'mask', times: 'keep' },
  'policy.published': { name: 'keep', version: 'keep', hash: 'keep', origin: 'keep', unsafe: 'keep' },
  'provider.saved': { provider: 'keep', kind: 'keep', baseUrl: 'mask', keyChanged: 'keep' },
  'provider.tested': { provider: 'keep', baseUrl: 'mask' },
  'provider.answered': { provider: 'keep', baseUrl: 'mask', outcome: 'keep' },
  'provider.removed': { provider: 'keep' },
  'model.assigned': { slot: 'keep', provider: 'keep', model: 'keep' },
  'audit.read': { query: 'mask', rows: 'keep' },
  'kill.ordered': { scope: 'keep', target: 'keep' },
  'platform.started': { program: 'keep', version: 'keep', unsafe: 'keep' },
}
