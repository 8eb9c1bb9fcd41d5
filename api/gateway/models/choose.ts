import type { Assignment, Provider } from '../../contract/models.ts'
import type { PolicyInForce } from '../../contract/policy.ts'
import type { DataLabel } from '../../contract/prototypes.ts'
import { type Refusal, refusal } from './wire/formats.ts'

/** What is entered in Admin › Models, without keys. */
export interface Catalog {
  providers: ReadonlyMap<string, Provider>
  assignments: readonly Assignment[]
}

export const DEMO: Provider = { id: 'demo', kind: 'demo', baseUrl: '', hasKey: false, place: 'local' }
export const DEMO_MODEL = 'scripted'

/** The names that a client may ask for. Which model stands behind them is not its business. */
const ALIASES = new Set(['default', 'backlot/default'])

export type Choice =
  | { effect: 'allow'; provider: Provider; model: string; rule: string }
  | { effect: 'deny'; refusal: Refusal; rule: string | null }

const deny = (reason: string, message: string, rule: string | null = null): Choice => ({
  effect: 'deny',
  refusal: refusal(403, reason, message),
  rule,
})

/** Labels that a policy does not name. */
const USUAL: Record<DataLabel, 'cloud' | 'local' | 'none'> = {
  public: 'cloud',
  internal: 'cloud',
  confidential: 'local',
  restricted: 'none',
}

/**
 * Which model a name means for this policy and data label: the alias first, then what the label may use, then what the
 * policy's default names, then what the admin has assigned. Anything that cannot be resolved is denied.
 */
export function chooseModel(policy: PolicyInForce, label: DataLabel, asked: string, catalog: Catalog): Choice {
  if (!ALIASES.has(asked))
    return deny(
      'model-not-allowed',
      'This model is not offered here. Ask for "backlot/default": your policy decides which model answers.',
    )
  const place = policy.models.labels[label] ?? USUAL[label]
  const labelRule = `${policy.name}/models.labels.${label}`
  if (place === 'none')
    return deny(
      'label-no-model',
      `Prototypes labelled ${label} may not use a model. Your admin can change this in the policy.`,
      labelRule,
    )
  const target = policy.models.default[place]
  const rule = `${policy.name}/models.default.${place}`
  if (target === 'none')
    return deny('no-model', `Your policy offers no ${place} model. Your admin can change this.`, rule)
  return target === 'assigned' ? assigned(place, catalog, rule) : named(target, place, catalog, rule)
}

function assigned(place: 'cloud' | 'local', { providers, assignments }: Catalog, rule: string): Choice {
  if (assignments.length === 0) return { effect: 'allow', provider: DEMO, model: DEMO_MODEL, rule }
  // Inwards is always allowed: a cloud label may be served by a model on our own machines, never the other way round.
  const inSlot = (slot: 'cloud' | 'local') => assignments.find((each) => each.slot === slot)
  const found = inSlot(place) ?? inSlot('local')
  const provider = found && (found.provider === DEMO.id ? DEMO : providers.get(found.provider))
  if (!found || !provider)
    return deny('model-not-assigned', `No ${place} model is assigned. Ask your admin to assign one under Models.`, rule)
  return checked(provider, found.model, place, rule)
}

function named(target: string, place: 'cloud' | 'local', { providers }: Catalog, rule: string): Choice {
  const slash = target.indexOf('/')
  const id = target.slice(0, slash)
  if (id === DEMO.id) return { effect: 'allow', provider: DEMO, model: DEMO_MODEL, rule }
  const provider = providers.get(id)
  if (!provider)
    return deny(
      'provider-unknown',
      `Your policy names the provider "${id}", which is not set up. Ask your admin to add it under Models.`,
      rule,
    )
  return checked(provider, target.slice(slash + 1), place, rule)
}

function checked(provider: Provider, model: string, place: 'cloud' | 'local', rule: string): Choice {
  if (place === 'local' && provider.place !== 'local')
    return deny(
      'provider-not-local',
      'This prototype may use models on our own machines only, and the one that is set is not. Ask your admin.',
      rule,
    )
  return { effect: 'allow', provider, model, rule }
}
