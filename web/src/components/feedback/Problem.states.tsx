import { BIDI, LONG } from '../../../gallery/data/words.ts'
import type { States } from '../../../gallery/state.ts'
import { Problem } from './Problem.tsx'

export const states: States = {
  ready: { show: () => <Problem>That did not work. Try again.</Problem>, shows: 'That did not work.' },
  'very long': { show: () => <Problem>{LONG}</Problem>, shows: 'If a refund takes' },
  bidi: { show: () => <Problem>{BIDI}</Problem>, shows: 'תשלום' },
}
