import type { States } from '../../../gallery/state.ts'
import { RequestFailed } from '../../client/request.ts'
import { PageBroke } from './PageBroke.tsx'

const broke = (error: unknown) => () => <PageBroke error={error} reset={() => {}} />

export const states: States = {
  'not fetched': {
    show: broke(new RequestFailed('offline', 'This page could not be loaded. Check that Backlot is running.')),
    shows: 'This page failed',
  },
  'a fault of ours': {
    show: broke(new Error('undefined is not a function')),
    shows: 'Something went wrong on this page',
  },
}
