import type { Hold } from '../../../api/contract/holds.ts'
import type { ContainerChanges } from '../../../api/contract/in-force.ts'
import type { PrototypeView, SandboxState, SandboxView } from '../../../api/contract/prototypes.ts'
import { ana, ben, chidi } from './people.ts'
import { BIDI, id, LONG, WHEN } from './words.ts'

export const proof = {
  ok: true,
  at: WHEN,
  probes: [
    { probe: 'direct-tcp', expected: 'refused', got: 'refused', detail: 'ENETUNREACH' },
    { probe: 'metadata-address', expected: 'refused', got: 'refused', detail: 'ENETUNREACH' },
    { probe: 'denied-name', expected: 'refused', got: 'refused', detail: '403' },
    { probe: 'allowed-host', expected: 'passed', got: 'error', detail: 'no answer' },
  ],
} satisfies SandboxView['proof']

export const sandbox = (state: SandboxState, more: Partial<SandboxView> = {}): SandboxView => ({
  id: `sb_${id(state)}`,
  state,
  detail: null,
  progress: null,
  runtime: 'runc',
  policy: { name: 'standard', version: 3 },
  waiting: null,
  rebuiltFor: null,
  proof: state === 'claimed' ? proof : null,
  holds: [],
  ...more,
})

export const prototype = (title: string, of: SandboxView, more: Partial<PrototypeView> = {}): PrototypeView => ({
  id: `pr_${id(title)}`,
  title,
  hypothesis: 'If a refund takes one tap, fewer people will call us.',
  label: 'internal',
  owner: { id: ana.id, name: ana.name },
  createdAt: WHEN,
  sandbox: of,
  ...more,
})

export const ready = prototype('Refunds in one tap', sandbox('claimed'))
export const building = prototype(
  'Faster sign-up',
  sandbox('building', { detail: 'Installing Node', progress: { step: 3, steps: 9 } }),
)
export const proving = prototype('Night mode', sandbox('proving'))
export const paused = prototype('Gift cards', sandbox('paused'), { label: 'public' })
export const stopped = prototype('Waiting list', sandbox('stopped'), { label: 'confidential' })
export const failed = prototype(
  'Voice notes',
  sandbox('failed', { detail: 'The image could not be built: the registry did not answer (ECONNREFUSED).' }),
  { label: 'restricted' },
)
export const more: ContainerChanges = { 'sandbox.memoryBytes': { from: 2 ** 30, to: 2 ** 32 } }
export const muchMore: ContainerChanges = {
  'tools.allow': { from: ['git'], to: ['git', 'jq', 'opencode', 'ripgrep'] },
  'tools.workspaceExec': { from: false, to: true },
  'sandbox.runtime': { from: 'runsc', to: 'runc' },
  'sandbox.cpus': { from: 1, to: 2.5 },
  'sandbox.memoryBytes': { from: 2 ** 29, to: 2 ** 32 },
  'sandbox.diskBytes': { from: 2 ** 32, to: 2 ** 34 },
  'sandbox.pids': { from: 256, to: 1024 },
  'sandbox.unsafeUnlimited': { from: false, to: true },
}
export const waiting = prototype(
  'Parcel lockers',
  sandbox('claimed', { policy: { name: 'standard', version: 4, container: 3 }, waiting: muchMore }),
)
export const narrowed = prototype('Opening hours', sandbox('building', { rebuiltFor: 'policy-narrowed' }))
export const applying = prototype(
  'Loyalty points',
  sandbox('building', { rebuiltFor: 'policy-applied', detail: 'Installing jq', progress: { step: 5, steps: 9 } }),
)
export const lost = prototype('Map of shops', sandbox('lost'))
export const long = prototype(LONG.slice(0, 120).trim(), sandbox('claimed'), { hypothesis: LONG })
export const bidi = prototype(BIDI, sandbox('claimed'), { id: `pr_${id('bidi')}`, hypothesis: `${BIDI}\n${BIDI}` })

const reason = 'It sent customer data to paste.example.net. Please leave it as it is until we have looked.'
export const held = prototype(
  'Loyalty points',
  sandbox('stopped', {
    id: `sb_${id('held')}`,
    holds: [{ scope: 'sandbox', reason, placedAt: WHEN, by: { name: chidi.name, email: chidi.email } }],
  }),
)
export const heldTwice = prototype('Store locator', {
  ...held.sandbox,
  holds: [
    ...held.sandbox.holds,
    { scope: 'person', reason: LONG.slice(0, 300), placedAt: WHEN, by: { name: LONG, email: chidi.email } },
    { scope: 'everything', reason: BIDI, placedAt: WHEN, by: { name: BIDI, email: chidi.email } },
  ],
})
export const holds: Hold[] = [
  {
    id: `ho_${id('one')}`,
    scope: 'sandbox',
    reason,
    placedAt: WHEN,
    sandbox: { id: held.sandbox.id, title: held.title, owner: ana.name },
    person: null,
    by: { id: chidi.id, name: chidi.name },
  },
  {
    id: `ho_${id('two')}`,
    scope: 'person',
    reason: LONG.slice(0, 300),
    placedAt: WHEN,
    sandbox: null,
    person: { id: ben.id, name: ben.name },
    by: { id: chidi.id, name: chidi.name },
  },
  {
    id: `ho_${id('three')}`,
    scope: 'everything',
    reason: BIDI,
    placedAt: WHEN,
    sandbox: null,
    person: null,
    by: { id: chidi.id, name: chidi.name },
  },
]

export const every = [ready, building, proving, paused, stopped, failed, lost]
