import { useQueryClient } from '@tanstack/react-query'
import type { States } from '../../../gallery/state.ts'
import { RequestFailed } from '../../client/request.ts'
import { Unreachable } from './Unreachable.tsx'

/** Something was read before, and cannot be read now. */
const Lost = () => {
  const queries = useQueryClient()
  const query = queries.getQueryCache().build(queries, { queryKey: ['lost'] })
  query.setState({ data: 'old', status: 'error', error: new RequestFailed('offline', 'No answer.') })
  return <Unreachable />
}

export const states: States = { lost: { show: () => <Lost />, shows: 'Backlot cannot be reached.' } }
