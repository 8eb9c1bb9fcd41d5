import type { States } from '../../gallery/state.ts'
import { MessagePage } from './MessagePage.tsx'

export const states: States = {
  'one message': {
    show: () => (
      <MessagePage title="Nothing to see">
        <p>What was here has been put away.</p>
      </MessagePage>
    ),
    shows: 'has been put away',
  },
}
