import type { DataLabel } from '../../contract/prototypes.ts'
import type { ModelMiss } from '../../contract/reasons.ts'
import { type Refusal, refusal } from './wire/formats.ts'

/** `{wanted}` and `{label}` stand for what policy/models.ts found and for the prototype's data label. */
const TEXTS: Record<ModelMiss, string> = {
  'model-not-allowed':
    'This model is not offered here. Ask for "backlot/default": your policy decides which model answers.',
  'label-no-model': 'Prototypes labelled {label} may not use a model. Your admin can change this in the policy.',
  'no-model': 'Your policy offers no {wanted} model. Your admin can change this.',
  'model-not-assigned': 'No {wanted} model is assigned. Ask your admin to assign one under Models.',
  'provider-unknown':
    'Your policy names the provider "{wanted}", which is not set up. Ask your admin to add it under Models.',
  'provider-not-local':
    'This prototype may use models on our own machines only, and the one that is set is not. Ask your admin.',
}

/** A decision of policy/models.ts, in words for the agent and for people. */
export const refusalOf = (reason: ModelMiss, wanted: string | null, label: DataLabel): Refusal =>
  refusal(403, reason, TEXTS[reason].replace('{wanted}', wanted ?? '').replace('{label}', label))
