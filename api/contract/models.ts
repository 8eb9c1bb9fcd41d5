import { z } from 'zod'
import { slug } from './ids.ts'
import { oneLine } from './text.ts'

/** `openai`: any OpenAI-compatible endpoint (Ollama, llama.cpp and vLLM included). `demo` is built in and cannot be saved. */
export const providerKind = z.enum(['openai', 'anthropic', 'demo'])
export type ProviderKind = z.infer<typeof providerKind>

export const provider = z.strictObject({
  id: slug,
  kind: providerKind,
  /** Without the API path: the part before `/v1/…`. An address that was given with `/v1` at its end is stored without. */
  baseUrl: z.string(),
  hasKey: z.boolean(),
  /** Where it runs decides which data labels may use it. */
  place: z.enum(['cloud', 'local']),
  /** Of a local one: an admin has accepted that its address is not one of a private network. Otherwise absent. */
  unsafeLocal: z.literal(true).optional(),
})
export type Provider = z.infer<typeof provider>

/** The built-in provider: a script that plays a small building session, so that a first start needs no key. */
export const DEMO: Provider = { id: 'demo', kind: 'demo', baseUrl: '', hasKey: false, place: 'local' }
export const DEMO_MODEL = 'scripted'

export const providerSave = z.strictObject({
  kind: z.enum(['openai', 'anthropic']),
  baseUrl: z.url({ protocol: /^https?$/ }),
  place: z.enum(['cloud', 'local']),
  /** A local provider is dialled at addresses of private networks and of this machine only, unless this says that any will do. */
  unsafeLocal: z.boolean().optional(),
  /** Left out: the stored key stays. Empty: no key. Never given back. */
  key: z.string().max(1000).optional(),
})
export const providerTest = z.strictObject({ ok: z.boolean(), message: z.string(), models: z.array(z.string()) })

/**
 * What `assigned` in a policy's `models.default` means: one model for the cloud, one on our own machines. While only
 * `local` is assigned it serves both: inwards is always allowed, outwards never.
 */
export const modelSlot = z.enum(['cloud', 'local'])
export const assignment = z.strictObject({ slot: modelSlot, provider: slug, model: z.string().min(1).max(200) })
/** PUT /api/v1/models/assignments/:slot; two nulls clear the slot. */
export const assignmentSave = z.union([
  z.strictObject({ provider: slug, model: oneLine.min(1).max(200) }),
  z.strictObject({ provider: z.null(), model: z.null() }),
])
export const modelsView = z.strictObject({
  providers: z.array(provider),
  assignments: z.array(assignment),
  /** True while no slot is assigned: the scripted demo answers in its place. */
  demoInUse: z.boolean(),
})

export type Assignment = z.infer<typeof assignment>
export type ProviderSave = z.infer<typeof providerSave>
export type ProviderTest = z.infer<typeof providerTest>
