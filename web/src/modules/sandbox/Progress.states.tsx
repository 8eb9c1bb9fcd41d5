import { building, proving, sandbox } from '../../../gallery/data/prototypes.ts'
import { LONG } from '../../../gallery/data/words.ts'
import type { States } from '../../../gallery/state.ts'
import { Progress } from './Progress.tsx'

const long = sandbox('building', { detail: LONG, progress: { step: 8, steps: 9 } })

export const states: States = {
  building: { show: () => <Progress sandbox={building.sandbox} />, shows: 'Step 3 of 9' },
  starting: { show: () => <Progress sandbox={sandbox('starting')} />, shows: 'Starting' },
  checking: { show: () => <Progress sandbox={proving.sandbox} />, shows: 'Checking' },
  'very long': { show: () => <Progress sandbox={long} />, shows: 'Step 8 of 9' },
}
