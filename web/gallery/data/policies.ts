import type { z } from 'zod'
import type { policyList, policyView, RuleInForce } from '../../../api/contract/policy.ts'
import { LONG, WHEN } from './words.ts'

const rule = (at: number, more: Partial<RuleInForce> = {}): RuleInForce => ({
  id: `npm-read/${at}`,
  host: 'packages.example.com',
  ports: [443],
  protocol: 'tls',
  methods: null,
  paths: null,
  addresses: [],
  expires: null,
  ...more,
})

export const rules: RuleInForce[] = [
  rule(0),
  rule(1, { protocol: 'http', ports: [80, 8080], host: '*.intranet.example', methods: ['GET'], paths: ['/feed/'] }),
  rule(2, { host: 'mirror.example.org', addresses: ['10.20.0.0/16'], expires: '2026-12-31' }),
]
export const longRules = Array.from({ length: 40 }, (_, at) =>
  rule(at, {
    host: `${'a-very-long-label.'.repeat(9)}${at}.example.com`,
    paths: Array(6).fill(`/${'segment/'.repeat(12)}`),
  }),
)

export const policy = (egress: RuleInForce[] = rules, description = 'Build with the usual tools.') => {
  const view: z.input<typeof policyView> = {
    policy: {
      name: 'standard',
      version: 3,
      hash: 'a'.repeat(64),
      description,
      tools: { allow: ['bash', 'git', 'node', 'npm', 'opencode'], workspaceExec: true },
      sandbox: { runtime: 'runc', cpus: 1, memoryBytes: 2 ** 31, diskBytes: 2 ** 32, pids: 256, perPerson: 3 },
      egress,
      models: {
        default: { cloud: 'assigned', local: 'assigned' },
        labels: { public: 'cloud', internal: 'cloud', confidential: 'local', restricted: 'none' },
      },
    },
    source: `policy: standard\ndescription: ${description}\ntools:\n  allow: [bash, git, node, npm, opencode]\negress:\n  - use: npm-read\n`,
    history: [3, 2, 1].map((version) => ({
      version,
      hash: 'a'.repeat(64),
      origin: version === 2 ? 'api' : 'file',
      createdAt: WHEN,
      by: version === 2 ? 'Ana Duarte' : null,
    })),
  }
  return view
}
export const longPolicy = policy(longRules, LONG.slice(0, 500))

const listed = (name: string) => ({
  name,
  version: 3,
  hash: 'a'.repeat(64),
  origin: 'file' as const,
  createdAt: WHEN,
  description: 'Build with the usual tools.',
})
export const policies: z.input<typeof policyList> = { items: [listed('standard'), listed('offline')] }
