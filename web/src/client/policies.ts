import { queryOptions } from '@tanstack/react-query'
import { policyList, policyView } from '../../../api/contract/policy.ts'
import { request } from './request.ts'

export const policiesQuery = queryOptions({
  queryKey: ['policies'],
  queryFn: ({ signal }) => request('/policies', policyList, { signal }),
})
export const policyQuery = (name: string) =>
  queryOptions({
    queryKey: ['policies', name],
    queryFn: ({ signal }) => request(`/policies/${name}`, policyView, { signal }),
  })
