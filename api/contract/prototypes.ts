import { z } from 'zod'
import { holdNotice } from './holds.ts'
import { personId, prototypeId, sandboxId, slug } from './ids.ts'
import { containerChanges, policyRef, rebuildReason } from './in-force.ts'
import { oneLine, paragraphs, programText } from './text.ts'

export const dataLabel = z.enum(['public', 'internal', 'confidential', 'restricted'])
export type DataLabel = z.infer<typeof dataLabel>

/** The life of a sandbox. The legal transitions are in api/server/sandboxes/lifecycle.ts. */
export const sandboxState = z.enum([
  'building',
  'starting',
  'proving',
  'ready',
  'claimed',
  'paused',
  'stopped',
  'failed',
  'lost',
  'removed',
])
export type SandboxState = z.infer<typeof sandboxState>

/** Tried where the policy has what they need: a host that is allowed, or `workspaceExec: false`. */
export const DEPENDENT_PROBES = ['forbidden-executable', 'other-server-name', 'allowed-host'] as const
/** What a proof tries, in the order in which people read it. What is done for each is in sandbox-images/porter/proof/. */
export const PROBES = [
  'network-card',
  'denied-name',
  'raw-address',
  'metadata-address',
  'gateway-host',
  'direct-tcp',
  'direct-udp',
  'direct-ipv6',
  'name-lookup',
  'other-dns-server',
  'write-root',
  'write-sockets',
  'sockets-dial',
  'socket-families',
  'capabilities',
  'become-another-user',
  'porter-signal',
  'porter-trace',
  'porter-memory',
  'porter-details',
  ...DEPENDENT_PROBES,
] as const

export const probeResult = z.strictObject({
  probe: z.string(),
  expected: z.enum(['refused', 'passed']),
  got: z.enum(['refused', 'passed', 'error']),
  detail: z.string(),
})
export type ProbeResult = z.infer<typeof probeResult>
export const proof = z.strictObject({ ok: z.boolean(), at: z.iso.datetime(), probes: z.array(probeResult) })
export type Proof = z.infer<typeof proof>

export const sandboxView = z.strictObject({
  id: sandboxId,
  state: sandboxState,
  /** What is happening or what went wrong, for people; with `progress` while an image is built. */
  detail: z.string().nullable(),
  progress: z.strictObject({ step: z.int(), steps: z.int() }).nullable(),
  runtime: z.enum(['runc', 'runsc']),
  policy: policyRef,
  /** What a newer version of its policy adds and its container has not yet: until the next start, or `POST …/apply-policy`. */
  waiting: containerChanges.nullable().default(null),
  /** While it is made anew for another version of its policy. */
  rebuiltFor: rebuildReason.nullable().default(null),
  proof: proof.nullable(),
  /** Holds that cover it, oldest first: while there is one it cannot be started. */
  holds: z.array(holdNotice).default([]),
})
export type SandboxView = z.infer<typeof sandboxView>

export const prototypeView = z.strictObject({
  id: prototypeId,
  title: z.string(),
  hypothesis: z.string(),
  label: dataLabel,
  owner: z.strictObject({ id: personId, name: z.string() }),
  createdAt: z.iso.datetime(),
  sandbox: sandboxView,
})
export type PrototypeView = z.infer<typeof prototypeView>

/** policies/default.yaml. */
export const DEFAULT_POLICY = 'standard'

export const prototypeCreate = z.strictObject({
  title: oneLine.min(1, 'Give the prototype a title.').max(120),
  hypothesis: paragraphs.max(2000).default(''),
  policy: slug.default(DEFAULT_POLICY),
  label: dataLabel.default('internal'),
})
export const prototypeList = z.strictObject({ items: z.array(prototypeView), cursor: z.string().nullable() })

/** POST /api/v1/sandboxes/:id/exec: argv is not passed through a shell. `stdin` and the outputs are UTF-8 text. */
export const execRequest = z.strictObject({
  argv: z.array(programText.max(131_072)).min(1).max(1000),
  cwd: programText.startsWith('/').max(4096).default('/workspace'),
  stdin: z.string().max(1_048_576).optional(),
  timeoutMs: z.int().min(1).max(600_000).default(60_000),
})
export type ExecRequest = z.infer<typeof execRequest>
const EXEC_OUTPUT_BYTES = 1_048_576
/** exitCode is 128 + signal when a signal ended it, 124 after the timeout; each output holds its first 1 MiB. */
export const execResult = z.strictObject({
  exitCode: z.int(),
  stdout: z.string().max(EXEC_OUTPUT_BYTES),
  stderr: z.string().max(EXEC_OUTPUT_BYTES),
  truncated: z.boolean(),
})
export type ExecResult = z.infer<typeof execResult>
