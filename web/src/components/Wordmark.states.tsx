import type { States } from '../../gallery/state.ts'
import { Wordmark } from './Wordmark.tsx'

export const states: States = {
  small: { show: () => <Wordmark />, shows: 'Backlot' },
  large: { show: () => <Wordmark large />, shows: 'Backlot' },
}
