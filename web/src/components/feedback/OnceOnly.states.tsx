import type { States } from '../../../gallery/state.ts'
import { OnceOnly } from './OnceOnly.tsx'

export const states: States = {
  ready: { show: () => <OnceOnly label="Your token" value="bt_once" />, shows: 'bt_once' },
  'very long': {
    show: () => <OnceOnly label="The link" value={`https://example.com/${'a'.repeat(400)}`} />,
    shows: 'Copy',
  },
}
