import { LONG } from '../../../gallery/data/words.ts'
import type { State, States } from '../../../gallery/state.ts'
import { RequestFailed } from '../../client/request.ts'
import { Confirm } from './Confirm.tsx'

const asking = (text: string, more: { pending?: boolean; error?: unknown; danger?: boolean } = {}): State => ({
  show: () => (
    <Confirm opened title="Stop everything?" action="Stop it" onConfirm={() => {}} onClose={() => {}} {...more}>
      <p>{text}</p>
    </Confirm>
  ),
  shows: 'Stop everything?',
})

export const states: States = {
  ready: asking('All of it stops.'),
  harmless: asking('Nothing is lost.', { danger: false }),
  pending: asking('All of it stops.', { pending: true }),
  error: asking('All of it stops.', { error: new RequestFailed('internal', 'The database does not answer.') }),
  'very long': asking(LONG),
}
