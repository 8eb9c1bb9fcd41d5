import { type Assignment, DEMO, DEMO_MODEL, type Provider } from '../contract/models.ts'
import type { PolicyInForce } from '../contract/policy.ts'
import type { DataLabel } from '../contract/prototypes.ts'
import type { ModelMiss } from '../contract/reasons.ts'

/** What is entered in Admin › Models, without keys. */
export interface Catalog {
  providers: ReadonlyMap<string, Provider>
  assignments: readonly Assignment[]
}

type Place = 'cloud' | 'local'

export type ModelDecision =
  | { effect: 'allow'; reason: 'allowed'; rule: string; provider: Provider; model: string }
  | {
      effect: 'deny'
      reason: ModelMiss
      rule: string | null
      /** The provider that the policy names, or the place that it asks for, where one was found. */
      wanted: string | null
    }

/** Where a policy sends a data label, before anybody asks which model is assigned there. */
export type ModelTarget =
  | { effect: 'allow'; place: Place; target: string; rule: string }
  | { effect: 'deny'; reason: 'label-no-model' | 'no-model'; place: Place | 'none'; rule: string }

/** The names that a client may ask for. Which model is behind them is not its business. */
const ALIASES = new Set(['default', 'backlot/default'])

/**
 * Which model a name means for this policy and data label, in this order: the alias, what the label may use, what the policy's
 * default names, what the admin has assigned. Anything that cannot be resolved is denied.
 */
export function decideModel(policy: PolicyInForce, label: DataLabel, asked: string, catalog: Catalog): ModelDecision {
  if (!ALIASES.has(asked)) return deny('model-not-allowed', null)
  const found = modelTarget(policy, label)
  if (found.effect === 'deny') return deny(found.reason, found.rule, found.place)
  const { place, target, rule } = found
  return target === 'assigned' ? assigned(place, catalog, rule) : named(target, place, catalog, rule)
}

/** The part of the decision that the policy alone makes; `backlot policy check` asks it of a policy that nobody uses yet. */
export function modelTarget({ name, models }: PolicyInForce, label: DataLabel): ModelTarget {
  const place = models.labels[label]
  if (place === 'none')
    return { effect: 'deny', reason: 'label-no-model', place, rule: `${name}/models.labels.${label}` }
  const target = models.default[place]
  const rule = `${name}/models.default.${place}`
  return target === 'none'
    ? { effect: 'deny', reason: 'no-model', place, rule }
    : { effect: 'allow', place, target, rule }
}

function assigned(place: Place, { providers, assignments }: Catalog, rule: string): ModelDecision {
  if (assignments.length === 0) return allow(DEMO, DEMO_MODEL, rule)
  // Inwards is always allowed: a cloud label may be served by a model on our own machines, never the other way round.
  const inSlot = (slot: Place) => assignments.find((each) => each.slot === slot)
  const found = inSlot(place) ?? inSlot('local')
  const provider = found && (found.provider === DEMO.id ? DEMO : providers.get(found.provider))
  if (!found || !provider) return deny('model-not-assigned', rule, place)
  return checked(provider, found.model, place, rule)
}

function named(target: string, place: Place, { providers }: Catalog, rule: string): ModelDecision {
  const slash = target.indexOf('/')
  const id = target.slice(0, slash)
  if (id === DEMO.id) return allow(DEMO, DEMO_MODEL, rule)
  const provider = providers.get(id)
  return provider ? checked(provider, target.slice(slash + 1), place, rule) : deny('provider-unknown', rule, id)
}

const checked = (provider: Provider, model: string, place: Place, rule: string): ModelDecision =>
  place === 'local' && provider.place !== 'local'
    ? deny('provider-not-local', rule, provider.id)
    : allow(provider, model, rule)

const allow = (provider: Provider, model: string, rule: string): ModelDecision => ({
  effect: 'allow',
  reason: 'allowed',
  rule,
  provider,
  model,
})
const deny = (reason: ModelMiss, rule: string | null, wanted: string | null = null): ModelDecision => ({
  effect: 'deny',
  reason,
  rule,
  wanted,
})
