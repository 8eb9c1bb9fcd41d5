import type { z } from 'zod'
import { DEMO, DEMO_MODEL, type modelsView } from '../../../api/contract/models.ts'

const cloud = {
  id: 'anthropic',
  kind: 'anthropic',
  baseUrl: 'https://models.example.com',
  hasKey: true,
  place: 'cloud',
} as const
const local = {
  id: 'ollama',
  kind: 'openai',
  baseUrl: 'http://127.0.0.1:11434',
  hasKey: false,
  place: 'local',
} as const
const far = {
  id: 'the-longest-name-that-a-provider-can-hav',
  kind: 'openai',
  baseUrl: `https://${'very-long-host-name.'.repeat(8)}example.com/${'path/'.repeat(20)}`,
  hasKey: true,
  place: 'cloud',
} as const

type View = z.input<typeof modelsView>
const demo: View = { providers: [DEMO], assignments: [], demoInUse: true }
const real: View = {
  providers: [DEMO, cloud, local],
  assignments: [
    { slot: 'cloud', provider: 'anthropic', model: 'a-large-model' },
    { slot: 'local', provider: 'ollama', model: 'a-small-model' },
  ],
  demoInUse: false,
}
const long: View = {
  providers: [DEMO, far],
  assignments: [{ slot: 'cloud', provider: far.id, model: `${DEMO_MODEL}-${'x'.repeat(150)}` }],
  demoInUse: false,
}
export const models = { demo, real, long }
