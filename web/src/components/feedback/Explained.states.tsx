import type { States } from '../../../gallery/state.ts'
import { Explained } from './Explained.tsx'

export const states: States = {
  plain: { show: () => <Explained>The registry did not answer.</Explained>, shows: 'The registry did not answer.' },
  'with details': {
    show: () => <Explained>The registry did not answer (ECONNREFUSED).</Explained>,
    press: ['Details'],
    shows: 'ECONNREFUSED',
  },
}
