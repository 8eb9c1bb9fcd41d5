import { queryOptions } from '@tanstack/react-query'
import { diskReport, gatewayStates } from '../../../api/contract/health.ts'
import { doctorReport } from '../../../api/contract/programs/runner.ts'
import { request } from './request.ts'

export const healthQuery = queryOptions({
  queryKey: ['health'],
  queryFn: ({ signal }) => request('/doctor', doctorReport, { signal }),
})

export const gatewaysQuery = queryOptions({
  queryKey: ['gateways'],
  queryFn: ({ signal }) => request('/gateways', gatewayStates, { signal }),
  // One that does not answer is back within seconds, and the page says so by itself.
  refetchInterval: 10_000,
})

export const diskQuery = queryOptions({
  queryKey: ['disk'],
  queryFn: ({ signal }) => request('/disk', diskReport, { signal }),
})
