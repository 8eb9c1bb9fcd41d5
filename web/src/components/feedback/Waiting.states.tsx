import { BIDI, LONG } from '../../../gallery/data/words.ts'
import type { States } from '../../../gallery/state.ts'
import { RequestFailed } from '../../client/request.ts'
import { Bones, Empty, Failure } from './Waiting.tsx'

const failure = (message: string) => () => <Failure error={new RequestFailed('internal', message)} onRetry={() => {}} />

export const states: States = {
  loading: { show: () => <Bones />, shows: 'Loading' },
  'loading, tall': { show: () => <Bones rows={3} tall />, shows: 'Loading' },
  empty: { show: () => <Empty title="Nothing yet">Make the first one.</Empty>, shows: 'Nothing yet' },
  'empty, very long': { show: () => <Empty title={LONG}>{LONG}</Empty>, shows: 'If a refund takes' },
  error: { show: failure('The database does not answer.'), shows: 'Try again' },
  'error, very long': { show: failure(LONG), shows: 'Try again' },
  'error, bidi': { show: failure(BIDI), shows: 'תשלום' },
}
