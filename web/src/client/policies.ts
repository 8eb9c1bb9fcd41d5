import { queryOptions } from '@tanstack/react-query'
import { policyList, policyView } from '../../../api/contract/policy.ts'
import { request } from './request.ts'

/** A policy may be published at any time, also on another machine: a page that is left open must not show an old one as in force. */
const LOOK_AGAIN_MS = 5_000
const fresh = { refetchInterval: LOOK_AGAIN_MS, refetchOnWindowFocus: 'always' } as const

export const policiesQuery = queryOptions({
  queryKey: ['policies'],
  queryFn: ({ signal }) => request('/policies', policyList, { signal }),
  ...fresh,
})
export const policyQuery = (name: string) =>
  queryOptions({
    queryKey: ['policies', name],
    queryFn: ({ signal }) => request(`/policies/${name}`, policyView, { signal }),
    ...fresh,
  })
